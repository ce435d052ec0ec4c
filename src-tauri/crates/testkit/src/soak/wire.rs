//! What desks and app say to each other: one JSON line each way over a Unix socket.
use serde::{Deserialize, Serialize};

/// A request at a desk. The same request may be sent again, to the same desk or another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request<A> {
    /// Number of the client; several stand at one desk when there are more of them.
    pub desk: usize,
    #[serde(flatten)]
    pub ask: A,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer<D> {
    /// First line of a connection: who answers, and on which database process.
    Hello {
        app: i32,
        database: i32,
    },
    Done(D),
    /// Refused for good by a rule, with its code: nothing is stored, and trying again changes nothing.
    Refused {
        code: String,
    },
    /// The database went away meanwhile: nobody knows what is stored. The desk tries again.
    Unknown,
}
