//! Requests and answers about passes.
use crate::ids::{MemberId, PassId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PassKind {
    /// Printed: static, revocable.
    Card,
    /// On the phone: changes every 30 seconds.
    Live,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Pass {
    pub id: PassId,
    pub kind: PassKind,
    pub device: Option<String>,
    pub issued_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub revoked_reason: Option<String>,
    pub aliases: Vec<String>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Passes {
    pub rows: Vec<Pass>,
}

/// Issue a card. With `replace`, cards issued before are revoked in the same step.
#[derive(Debug, Deserialize, TS)]
pub struct IssueCard {
    pub id: PassId,
    pub member_id: MemberId,
    #[serde(default)]
    pub replace: bool,
}

#[derive(Debug, Deserialize, TS)]
pub struct RevokePass {
    pub pass_id: PassId,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CardFormat {
    /// One CR80 card, 85.6 × 54 mm.
    PdfCr80,
    /// Cards on an A4 sheet with cut marks.
    PdfA4,
    Png,
}

#[derive(Debug, Deserialize, TS)]
pub struct PrintCard {
    pub pass_ids: Vec<PassId>,
    pub format: CardFormat,
}

/// A document as base64.
#[derive(Clone, Debug, Serialize, TS)]
pub struct Document {
    pub mime: String,
    pub file_name: String,
    pub base64: String,
}

/// Register a code of an older system (`GYM-123`) or a plain barcode for a member; makes a card if there is none.
#[derive(Debug, Deserialize, TS)]
pub struct AddAlias {
    pub member_id: MemberId,
    pub code: String,
}

#[derive(Debug, Deserialize, TS)]
pub struct RemoveAlias {
    pub code: String,
}

impl PassKind {
    /// As stored in `passes.kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Live => "live",
        }
    }

    /// Unknown text cannot be stored (a constraint).
    pub fn parse(text: &str) -> Self {
        if text == "live" { Self::Live } else { Self::Card }
    }
}
