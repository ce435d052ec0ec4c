//! Stand-ins of the payment gateways: HTTP services on loopback that speak what the vendors publish, signatures
//! included, keep books of their own, and misbehave on request.
mod front;
mod paymob;
mod paypal;

pub use front::{Call, Delivery, Mischief};
pub use paymob::PaymobStandIn;
pub use paypal::{PaypalStandIn, certificates};
