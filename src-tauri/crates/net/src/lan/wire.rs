//! What desk and branch machine say to each other, and to the screens.
use crate::rpc::{Caller, SessionChange};
use chrono::{DateTime, Utc};
use gatehouse_core::checkin::emergency::QueuedScan;
use gatehouse_core::checkin::wire::Source;
use gatehouse_core::desks::wire::PairedDesk;
use gatehouse_core::error::WireError;
use gatehouse_core::ids::{ReceiptId, ScanId};
use gatehouse_core::receipts::Roll;
use gatehouse_core::receipts::document::Language;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A call of somebody at the desk.
#[derive(Debug, Serialize, Deserialize)]
pub struct Forwarded {
    pub caller: Caller,
    pub request: serde_json::Value,
}

/// Its answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct ForwardedReply {
    pub answer: Result<serde_json::Value, WireError>,
    pub session: SessionChange,
}

/// A code that the desk's scanner read.
#[derive(Debug, Serialize, Deserialize)]
pub struct Scanned {
    pub scan_id: ScanId,
    pub code: String,
    pub source: Source,
    /// Session of whoever stands at the desk.
    pub token: Option<String>,
}

/// The branch machine is there.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Pulse {
    /// Changes whenever something happens there.
    pub seq: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Replay {
    pub scans: Vec<QueuedScan>,
}

/// A receipt for the desk's own printer.
#[derive(Debug, Serialize, Deserialize)]
pub struct AskReceipt {
    pub caller: Caller,
    pub receipt_id: ReceiptId,
    pub roll: Roll,
    pub language: Option<Language>,
    pub kick_drawer: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ReceiptBytes {
    pub is_copy: bool,
    pub number: String,
    pub base64: String,
}

/// The desk's printer took nothing of it: the next one is an original again.
#[derive(Debug, Serialize, Deserialize)]
pub struct NotPrinted {
    pub caller: Caller,
    pub receipt_id: ReceiptId,
    pub number: String,
    pub why: String,
}

/// How a desk stands to its branch machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct DeskLink {
    pub standing: LinkStanding,
    /// Of the branch machine.
    pub address: String,
    /// Since when it stands so.
    pub since: DateTime<Utc>,
    /// When what verdicts come from without an answer was taken; none where there is nothing.
    pub snapshot_at: Option<DateTime<Utc>>,
    /// Scans that the branch machine has yet to be told of.
    pub queued: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LinkStanding {
    Up,
    /// It does not answer: verdicts come from the snapshot.
    Away,
    /// Something answers that is not the branch machine this desk was paired with.
    OtherMachine,
    /// The branch machine no longer knows this desk.
    Revoked,
}

/// The answer to `desk_link`: none at the branch machine itself.
#[derive(Clone, Debug, Serialize, TS)]
pub struct DeskLinkView {
    pub link: Option<DeskLink>,
}

/// Make this machine a desk of a branch machine.
#[derive(Clone, Debug, Deserialize, TS)]
pub struct PairHere {
    /// `192.168.1.20` or `192.168.1.20:8471`.
    pub address: String,
    pub code: String,
    /// Name of this desk.
    pub name: String,
}

/// Settings → Desks, at the branch machine.
#[derive(Clone, Debug, Serialize, TS)]
pub struct LanView {
    /// Whether other desks may ask this machine.
    pub on: bool,
    /// Where they find it; empty while it does not listen.
    pub addresses: Vec<String>,
    /// Why it does not listen though it should, in plain English.
    pub trouble: Option<String>,
    pub desks: Vec<PairedDesk>,
}

#[derive(Clone, Copy, Debug, Deserialize, TS)]
pub struct SetLan {
    pub on: bool,
}
