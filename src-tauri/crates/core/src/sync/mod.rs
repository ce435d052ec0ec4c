//! Branch and headquarters: two databases with the same schema, and a relay that the branch runs.
//!
//! What the branch writes is queued in the same transaction by triggers; nothing of it is in this module. [`relay`] sends
//! the queue in batches, reads what headquarters feeds back and applies it. What headquarters does with an event, and the
//! rule by which two edits become one, are functions in the database (the migrations' `sync`), since there may be no
//! program of ours there.
pub mod keep;
pub mod model;
pub mod relay;
pub mod service;
pub mod store;
pub mod wire;
