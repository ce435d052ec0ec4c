//! Requests and answers at the door.
use crate::ids::{EntryId, FileId, MemberId, PlanId, ScanId, SubscriptionId};
use crate::money::Money;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How a code reached the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Source {
    Webcam,
    /// A scanner that types like a keyboard.
    Wedge,
    Serial,
    /// Member number typed by hand.
    Typed,
    /// Picked from a search.
    Search,
    Picture,
    Cli,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct CheckIn {
    /// Nonce: a retry carries the same id and gets the same verdict.
    pub scan_id: ScanId,
    #[serde(flatten)]
    pub who: Who,
    pub source: Source,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// A pass, an alias or a member number, as read.
    Code(String),
    Member(MemberId),
}

/// Let a refused member in once.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct LetIn {
    /// A new nonce for the admission.
    pub scan_id: ScanId,
    pub member_id: MemberId,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Outcome {
    Admitted,
    Refused,
    /// Admitted or to be looked at: something has to be said first.
    Attention,
}

/// Why, typed. The interface has the sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    UnknownPass,
    /// A pass of ours whose tag does not verify.
    ForgedPass,
    /// Two members at different branches share the typed number: pick one.
    AmbiguousNumber {
        member_ids: Vec<MemberId>,
    },
    /// A typed number whose check digit is wrong.
    MistypedNumber,
    PassRevoked {
        on: NaiveDate,
    },
    /// A live pass outside its window; `seconds_off` says by how much the clocks differ.
    PassExpired {
        seconds_off: i64,
    },
    /// A live code that has let somebody in already.
    PassReplayed,
    NoSubscription,
    Expired {
        ended_on: NaiveDate,
    },
    NotStarted {
        starts_on: NaiveDate,
    },
    Frozen {
        until: NaiveDate,
    },
    NoVisitsLeft,
    OutsideHours {
        opens_at: Option<String>,
    },
    WrongBranch {
        branch: String,
    },
    AlreadyInside {
        since: DateTime<Utc>,
    },
    TooSoon {
        wait_seconds: i64,
    },
    DailyLimit {
        entries: i32,
    },
    Debt {
        owed: Money,
    },
    Suspended,
    BlockedByNote,
    CapacityFull {
        capacity: i32,
    },
    /// Not refusals: things to mention.
    EndsSoon {
        days_left: i64,
    },
    LastVisit,
    Reminder,
    LetInOnce {
        reason: String,
    },
    CheckedOut {
        minutes: i64,
    },
    /// At an exit: nobody has entered, so nobody leaves.
    NotInside,
    /// Phones of several members disagree with this desk's clock by about as much: the desk's is wrong.
    DeskClockOff {
        seconds_off: i64,
    },
    /// The branch machine did not answer: judged by what this desk knew of the gym then.
    FromSnapshot {
        taken_at: DateTime<Utc>,
    },
    /// The branch machine did not answer, and what this desk knows of the gym is too old to judge by.
    SnapshotTooOld {
        taken_at: DateTime<Utc>,
    },
    /// The branch machine did not answer, and this desk knows nothing of the gym, or cannot read it.
    NoSnapshot,
}

/// The answer at the door.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct Verdict {
    pub scan_id: ScanId,
    pub at: DateTime<Utc>,
    pub source: Source,
    pub outcome: Outcome,
    /// The deciding reason first.
    pub reasons: Vec<Reason>,
    pub member: Option<VerdictMember>,
    pub subscription: Option<VerdictSubscription>,
    /// Notes for the door, block notes first.
    pub notes: Vec<String>,
    pub next_action: Option<NextAction>,
    pub can_let_in: bool,
    pub entry_id: Option<EntryId>,
    /// True when this repeats an earlier verdict (a retry, or the same member within the window).
    pub repeated: bool,
}

/// What the screen may show; at a locked desk only the first name is filled.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct VerdictMember {
    pub id: MemberId,
    pub number: String,
    pub full_name: String,
    pub native_name: Option<String>,
    pub photo_file_id: Option<FileId>,
    pub language: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct VerdictSubscription {
    pub id: SubscriptionId,
    pub plan_name: String,
    pub ends_on: NaiveDate,
    pub days_left: i64,
    pub visits_left: Option<i64>,
}

/// The next legal step, as a button.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NextAction {
    Renew {
        subscription_id: SubscriptionId,
        plan_name: String,
        price: Option<Money>,
    },
    Sell {
        member_id: MemberId,
        plan_id: Option<PlanId>,
        price: Option<Money>,
    },
    Register,
    /// What is owed, before anything else.
    Pay {
        member_id: MemberId,
        owed: Money,
    },
    /// End the freeze now.
    Thaw {
        subscription_id: SubscriptionId,
    },
    OpenMember {
        member_id: MemberId,
    },
}

#[derive(Debug, Deserialize, TS)]
pub struct UndoEntry {
    pub entry_id: EntryId,
    pub reason: Option<String>,
}

#[derive(Debug, Deserialize, TS)]
pub struct CheckOut {
    pub member_id: MemberId,
}

#[derive(Debug, Default, Deserialize, TS)]
pub struct ListFeed {
    pub limit: Option<i64>,
}

/// One line of the live feed.
#[derive(Clone, Debug, Serialize, TS)]
pub struct FeedRow {
    pub scan_id: ScanId,
    pub at: DateTime<Utc>,
    pub source: Source,
    pub outcome: Outcome,
    pub reasons: Vec<Reason>,
    pub member: Option<VerdictMember>,
    pub entry_id: Option<EntryId>,
    pub undone: bool,
    /// True while it can be undone: the newest entry of the desk, within the window.
    pub can_undo: bool,
    pub by: Option<String>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Feed {
    pub rows: Vec<FeedRow>,
    pub inside: i64,
    pub capacity: Option<i32>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct InsideRow {
    pub member: VerdictMember,
    pub entry_id: EntryId,
    pub since: DateTime<Utc>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Inside {
    pub rows: Vec<InsideRow>,
    pub capacity: Option<i32>,
}

#[derive(Debug, Deserialize, TS)]
pub struct ListEntries {
    pub member_id: MemberId,
    /// Default 50, at most 500.
    pub limit: Option<i64>,
    #[serde(default)]
    pub offset: i64,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct EntryRow {
    pub id: EntryId,
    pub at: DateTime<Utc>,
    pub branch_name: String,
    pub source: Source,
    pub plan_name: Option<String>,
    /// Whole minutes inside; none while inside or never checked out.
    pub minutes: Option<i64>,
    pub undone: bool,
    pub override_reason: Option<String>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Entries {
    pub rows: Vec<EntryRow>,
    pub total: i64,
    pub limit: i64,
    pub offset: i64,
}
