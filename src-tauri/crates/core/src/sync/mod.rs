//! Branch and headquarters: two databases with the same schema, and a relay that the branch runs.
//!
//! What the branch writes is queued in the same transaction by triggers; nothing of it is in this module. [`relay`] sends
//! the queue in batches, reads what headquarters feeds back and applies it. What headquarters does with an event, and the
//! rule by which two edits become one, are functions in the database (the migrations' `sync`), since there may be no
//! program of ours there.
//!
//! [`join`] makes an installation a branch, by a [`code`] that [`office`] has made at headquarters; [`link`] is the way there,
//! [`tls`] whom it leads to; [`lost`] what a headquarters asks its branches for after a restore.
pub mod code;
pub mod conflicts;
pub mod contact;
pub mod event;
pub mod join;
pub mod keep;
pub mod link;
pub mod lost;
pub mod metrics;
pub mod model;
pub mod news;
pub mod office;
pub mod outage;
pub mod pairs;
pub mod relay;
pub mod rows;
pub mod service;
pub mod settle;
pub mod sheet;
pub mod status;
pub mod store;
pub mod tls;
pub mod view;
pub mod wire;
