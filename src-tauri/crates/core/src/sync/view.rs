//! What the desk is shown of the relay: the chip, the page behind it, and the rows behind every number.
use crate::ids::{MemberId, SubscriptionId};
use crate::money::Money;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use uuid::Uuid;

/// What this database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SyncMode {
    Alone,
    Branch,
    Headquarters,
}

/// For the chip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct SyncStatus {
    pub mode: SyncMode,
    /// None for a database that is alone.
    pub standing: Option<Standing>,
    /// Sheets of outages that nobody has looked through.
    pub sheets: i64,
}

/// How things stand, in one word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[ts(rename = "SyncStanding")]
pub enum Standing {
    /// Put back from a backup: no money is taken before headquarters has sent what this branch had sent it since.
    OwnRowsMissing,
    /// Nothing was left to be sent or read, so many seconds ago.
    InStep {
        seconds: i64,
    },
    /// Within reach, and not through yet.
    Sending {
        waiting: i64,
    },
    Offline {
        waiting: i64,
    },
    /// So many things were set aside or want a decision.
    NeedsHeadquarters {
        count: i64,
    },
    /// At headquarters: all branches were heard of lately.
    BranchesInStep {
        count: i64,
    },
    /// At headquarters: so many were not.
    BranchesSilent {
        count: i64,
    },
    /// At headquarters: so many things want a decision.
    ToDecide {
        count: i64,
    },
}

/// The page behind the chip.
#[derive(Clone, Debug, Serialize, TS)]
pub struct SyncPage {
    pub status: SyncStatus,
    /// Of a branch.
    pub branch: Option<BranchPage>,
    /// At headquarters.
    pub branches: Vec<BranchLine>,
    /// Rows that it lost when it was put back from a backup, and branches still have.
    pub lost: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct BranchPage {
    pub in_step_at: Option<DateTime<Utc>>,
    /// When a round was last done.
    pub contact_at: Option<DateTime<Utc>>,
    pub failing_since: Option<DateTime<Utc>>,
    /// Why, in plain English, for whoever mends it.
    pub failure: Option<String>,
    /// The clock here less that of headquarters.
    pub clock_skew_ms: Option<i64>,
    pub waiting: Vec<WaitingKind>,
    /// Set aside at headquarters.
    pub aside_there: i64,
    /// Set aside here: it came from headquarters and does not fit.
    pub aside_here: i64,
    /// Fields that somebody else had changed too, not decided yet.
    pub conflicts: i64,
    pub rounds: i64,
    pub failures: i64,
    pub audited_on: Option<NaiveDate>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct WaitingKind {
    pub kind: EventKind,
    pub count: i64,
    pub oldest_at: DateTime<Utc>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(rename = "SyncKind")]
pub enum EventKind {
    /// Scans and entries.
    Door,
    /// Sales, payments, receipts, the till.
    Money,
    Subscriptions,
    /// Members, their passes, notes, households.
    Members,
    Expenses,
    Stock,
    Staff,
    /// Plans, prices and settings, which headquarters owns.
    Settings,
    /// The audit log and whatever comes later.
    Other,
}

/// One branch as headquarters knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct BranchLine {
    pub branch_id: Uuid,
    pub name: String,
    pub last_seen_at: Option<DateTime<Utc>>,
    /// It was not heard of for longer than an outage takes to begin.
    pub silent: bool,
    /// Events it had queued when it was last seen.
    pub waiting: Option<i64>,
    /// Its newest migration.
    pub version: Option<i64>,
    /// Older than the one here.
    pub behind: bool,
    /// Its clock less ours.
    pub clock_skew_ms: Option<i64>,
    /// Set aside, nobody decided.
    pub aside: i64,
    /// Fields that two had changed, nobody decided.
    pub conflicts: i64,
    /// Events it has sent.
    pub received: i64,
    pub audited_on: Option<NaiveDate>,
    /// None before the first.
    pub audit_agreed: Option<bool>,
    /// What it asked for and was not allowed.
    pub refusals: i64,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Which rows.
#[derive(Clone, Copy, Debug, Deserialize, TS)]
#[serde(tag = "what", rename_all = "snake_case")]
#[ts(rename = "SyncRowsOf")]
pub enum RowsOf {
    /// Queued at this branch and not answered.
    Waiting {
        #[serde(default)]
        kind: Option<EventKind>,
    },
    /// Set aside at headquarters: this branch's, or there one branch's or all.
    Aside {
        #[serde(default)]
        branch_id: Option<Uuid>,
    },
    /// Set aside at this branch.
    AsideHere,
    /// What has come from a branch, newest first.
    Received { branch_id: Uuid },
    /// What a branch asked for and was not allowed, newest first.
    Refused { branch_id: Uuid },
    /// What a headquarters lost when it was put back from a backup, and branches still have.
    Lost,
}

#[derive(Clone, Copy, Debug, Deserialize, TS)]
pub struct ListSyncRows {
    #[serde(flatten)]
    pub of: RowsOf,
    #[serde(default)]
    pub offset: i64,
}

/// A page of 100.
#[derive(Clone, Debug, Serialize, TS)]
pub struct SyncRows {
    pub rows: Vec<SyncRow>,
    pub total: i64,
}

/// One event, as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct SyncRow {
    pub id: Uuid,
    pub at: Option<DateTime<Utc>>,
    pub kind: EventKind,
    /// The table, for the words and for whoever mends it.
    pub table: String,
    /// `insert`, `update` or `delete`.
    pub op: String,
    /// Whom it is about: a member, or somebody of the staff; what, where it is a plan, a product, a branch.
    pub member: Option<String>,
    /// Who did it.
    pub by: Option<String>,
    /// Of a sale or payment.
    pub amount: Option<Money>,
    /// What happened, as a word of the table's own: a scan's outcome, a transaction's kind, a subscription's event.
    pub act: Option<String>,
    pub branch: Option<String>,
    pub fields: Vec<FieldChange>,
    pub state: EventState,
    /// Why it was set aside: the name of a rule or constraint.
    pub reason: Option<String>,
    /// Decided: why it was left out.
    pub left_out: Option<String>,
    pub conflicts: Vec<Conflict>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(rename = "SyncState")]
pub enum EventState {
    Waiting,
    /// Headquarters has it.
    Arrived,
    /// Headquarters has it, and somebody else had changed the same field.
    Conflict,
    Aside,
    /// Headquarters decided that it stays out.
    LeftOut,
    /// Not allowed.
    Refused,
    /// Lost at headquarters, and branches have it.
    Offered,
}

/// Nothing is missing any more.
#[derive(Clone, Debug, Deserialize, TS)]
pub struct ForgetLost {
    pub reason: String,
}

/// What was lost is here again.
#[derive(Clone, Copy, Debug, Serialize, TS)]
pub struct LostTaken {
    /// Rows.
    pub taken: i32,
    /// Those that are still lost.
    pub left: i64,
}

/// A field before and after, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct FieldChange {
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// A field that two had changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(rename = "SyncConflict")]
pub struct Conflict {
    pub event_id: Uuid,
    pub table: String,
    pub key: String,
    /// `*` for the whole row: one deleted what the other had changed.
    pub field: String,
    pub at: DateTime<Utc>,
    pub member: Option<String>,
    /// Whose edit came last.
    pub branch: Option<String>,
    pub base: Option<String>,
    /// What stands.
    pub kept: Option<String>,
    pub lost: Option<String>,
    /// The other value can be taken here; otherwise somebody edits the record.
    pub can_take: bool,
    pub decided: Option<ConflictDecision>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(rename = "ConflictChoice")]
pub enum Choice {
    /// What stands is right.
    Keep,
    /// The other value is.
    TakeOther,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ConflictDecision {
    pub choice: Choice,
    pub at: DateTime<Utc>,
    pub by: Option<String>,
}

#[derive(Clone, Debug, Serialize, TS)]
#[ts(rename = "SyncConflicts")]
pub struct Conflicts {
    pub rows: Vec<Conflict>,
}

#[derive(Clone, Copy, Debug, Deserialize, TS)]
pub struct ListConflicts {
    /// At headquarters: of one branch.
    #[serde(default)]
    pub branch_id: Option<Uuid>,
}

#[derive(Clone, Debug, Deserialize, TS)]
pub struct DecideConflict {
    pub event_id: Uuid,
    pub field: String,
    pub choice: Choice,
}

#[derive(Clone, Copy, Debug, Deserialize, TS)]
pub struct ChooseEvent {
    pub event_id: Uuid,
}

#[derive(Clone, Debug, Deserialize, TS)]
pub struct LeaveOut {
    pub event_id: Uuid,
    pub reason: String,
}

/// A time without headquarters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Outage {
    pub id: Uuid,
    pub began_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    pub signed: Option<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(rename = "OutageSignature")]
pub struct Signature {
    pub at: DateTime<Utc>,
    pub by: String,
    pub note: Option<String>,
}

/// Newest first.
#[derive(Clone, Debug, Serialize, TS)]
pub struct Outages {
    pub rows: Vec<Outage>,
}

#[derive(Clone, Copy, Debug, Deserialize, TS)]
pub struct ChooseOutage {
    pub outage_id: Uuid,
}

#[derive(Clone, Debug, Deserialize, TS)]
pub struct SignOutage {
    pub outage_id: Uuid,
    #[serde(default)]
    pub note: Option<String>,
}

/// Everything of an outage that somebody at the desk did, oldest first.
#[derive(Clone, Debug, Serialize, TS)]
pub struct OutageSheet {
    pub outage: Outage,
    pub scans: i64,
    pub sales: i64,
    pub edits: i64,
    /// Edits that headquarters has put together with what was there, without a question left.
    pub merged: i64,
    /// Fields that two had changed; decided or not.
    pub conflicts: i64,
    pub aside: i64,
    pub waiting: i64,
    pub lines: Vec<SyncRow>,
    /// Rows that follow from those above: ledger entries, used visits, the audit log.
    pub others: i64,
}

/// A pack of which more visits were used than it has: two branches, apart, let somebody in on the same one. Both entries
/// stay; somebody decides who pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Overdrawn {
    pub subscription_id: SubscriptionId,
    pub member_id: MemberId,
    pub member: String,
    pub plan: String,
    /// How many too many.
    pub visits: i64,
    /// The entries that used the same visit, newest first.
    pub entries: Vec<OverdrawnEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct OverdrawnEntry {
    pub at: DateTime<Utc>,
    pub branch: String,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct OverdrawnList {
    pub rows: Vec<Overdrawn>,
}

/// How a visit too many is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(rename = "SettleBy")]
pub enum SettledBy {
    /// The member has paid for it in a sale of its own.
    Charged,
    Forgiven,
}

#[derive(Clone, Debug, Deserialize, TS)]
pub struct SettleOverdrawn {
    pub idempotency_key: Uuid,
    pub subscription_id: SubscriptionId,
    pub by: SettledBy,
    /// Why it is forgiven, or which receipt it was paid with.
    pub reason: String,
}

/// Two records that look like one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct MemberPair {
    pub one: PairedMember,
    pub other: PairedMember,
    pub because: Vec<Likeness>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct PairedMember {
    pub id: MemberId,
    pub number: String,
    pub full_name: String,
    pub native_name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub birth_date: Option<NaiveDate>,
    pub branch: String,
    pub registered_at: DateTime<Utc>,
    pub subscriptions: i64,
    pub entries: i64,
}

/// What is alike of two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    Phone,
    Email,
    NameAndBirthDate,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct MemberPairs {
    pub rows: Vec<MemberPair>,
}

#[derive(Clone, Copy, Debug, Deserialize, TS)]
pub struct DecidePair {
    pub member_id: MemberId,
    pub other_id: MemberId,
    /// The record that goes out of use; none when they are two people.
    #[serde(default)]
    pub duplicate_id: Option<MemberId>,
}
