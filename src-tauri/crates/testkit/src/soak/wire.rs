//! What desks and app say to each other: one JSON line each way over a Unix socket.
use gatehouse_core::checkin::wire::Outcome;
use gatehouse_core::ids::{EntryId, MemberId, ScanId};
use serde::{Deserialize, Serialize};

/// A request. The same request may be sent again, to the same desk or another.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Ask {
    CheckIn { scan_id: ScanId, code: String },
    LetIn { scan_id: ScanId, member_id: MemberId },
    Undo { entry_id: EntryId },
}

/// A request at a desk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Number of the desk.
    pub desk: usize,
    #[serde(flatten)]
    pub ask: Ask,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// First line of a connection: who answers, and on which database process.
    Hello {
        app: i32,
        database: i32,
    },
    Verdict {
        scan_id: ScanId,
        outcome: Outcome,
        entry_id: Option<EntryId>,
        repeated: bool,
    },
    Undone {
        entry_id: EntryId,
    },
    /// Refused for good by a rule, with its code: nothing is stored, and trying again changes nothing.
    Refused {
        code: String,
    },
    /// The database went away meanwhile: nobody knows what is stored. The desk tries again.
    Unknown,
}
