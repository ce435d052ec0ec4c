//! Other desks of the branch: machines that use this one's database through the app.
//!
//! A machine becomes a desk by a one-time code. Neither end ever sends it: each proves to the other that it knows the code
//! together with the certificate that it sees, so whoever stands in between with a certificate of their own fails. From then on
//! the desk knows the branch machine by that certificate, and the branch machine the desk by a token.
pub mod proof;
pub mod service;
pub mod wire;
