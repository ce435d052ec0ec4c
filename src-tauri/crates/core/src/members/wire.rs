//! Requests and answers about members.
use crate::ids::{FileId, MeasurementId, MemberId, NoteId, ReceiptId};
use crate::money::Money;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Sex {
    Female,
    Male,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum FitnessLevel {
    Beginner,
    Intermediate,
    Advanced,
}

/// What a person at the desk types. The same for registering and editing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct MemberForm {
    pub full_name: String,
    /// As written in Arabic or Devanagari, kept as typed.
    pub native_name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub birth_date: Option<NaiveDate>,
    pub sex: Option<Sex>,
    pub emergency_name: Option<String>,
    pub emergency_phone: Option<String>,
    pub goal: Option<String>,
    pub fitness_level: Option<FitnessLevel>,
    pub health_conditions: Option<String>,
    pub notes: Option<String>,
    pub tags: Vec<String>,
    pub custom_fields: BTreeMap<String, String>,
    /// Channel (`email`, `sms`, `whatsapp`) to consent.
    pub consent: BTreeMap<String, bool>,
    /// `en`, `ar` or `hi`.
    pub language: String,
}

#[derive(Debug, Deserialize, TS)]
pub struct RegisterMember {
    /// Made by the caller, once per form: a retry registers nobody twice.
    pub id: MemberId,
    #[serde(flatten)]
    pub form: MemberForm,
}

#[derive(Debug, Deserialize, TS)]
pub struct UpdateMember {
    pub id: MemberId,
    #[serde(flatten)]
    pub form: MemberForm,
    /// The form as it was shown: what was left as it was stays as it is stored by now. Without it the form replaces everything.
    #[serde(default)]
    #[ts(optional)]
    pub shown: Option<MemberForm>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Member {
    pub id: MemberId,
    pub number: String,
    #[serde(flatten)]
    pub form: MemberForm,
    pub photo_file_id: Option<FileId>,
    /// Whole years on the branch's business day.
    pub age: Option<u32>,
    pub bmi: Option<Bmi>,
    pub created_at: DateTime<Utc>,
    pub suspended_at: Option<DateTime<Utc>>,
    pub door_notes: Vec<MemberNote>,
    /// Others with the same phone or e-mail: families are allowed, so this only warns.
    pub shares_contact_with: Vec<MemberHit>,
}

#[derive(Debug, Deserialize, TS)]
pub struct ChooseMember {
    pub member_id: MemberId,
}

#[derive(Debug, Deserialize, TS)]
pub struct SearchMembers {
    /// At least 2 characters.
    pub query: String,
    pub limit: Option<i64>,
}

/// A line of a search result.
#[derive(Clone, Debug, Serialize, TS)]
pub struct MemberHit {
    pub id: MemberId,
    pub number: String,
    pub full_name: String,
    pub native_name: Option<String>,
    /// Last four digits only.
    pub phone_tail: Option<String>,
    pub photo_file_id: Option<FileId>,
    pub suspended: bool,
    /// Last day of the subscription that opens the door, if any.
    pub ends_on: Option<NaiveDate>,
    /// True when a typo was forgiven to find this one.
    pub fuzzy: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct MemberHits {
    pub rows: Vec<MemberHit>,
}

/// Page through all members, newest first, or those a search finds.
#[derive(Debug, Default, Deserialize, TS)]
pub struct ListMembers {
    pub search: Option<String>,
    #[serde(default)]
    pub offset: i64,
    pub limit: Option<i64>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct MemberPage {
    pub rows: Vec<MemberHit>,
    pub total: i64,
}

#[derive(Debug, Deserialize, TS)]
pub struct SuspendMember {
    pub member_id: MemberId,
    pub suspended: bool,
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum AtDoor {
    None,
    Remind,
    Block,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct MemberNote {
    pub id: NoteId,
    pub body: String,
    pub at_door: AtDoor,
    pub created_at: DateTime<Utc>,
    pub created_by: Option<String>,
    pub resolved_at: Option<DateTime<Utc>>,
}

/// Newest first, resolved ones included.
#[derive(Clone, Debug, Serialize, TS)]
pub struct MemberNotes {
    pub rows: Vec<MemberNote>,
}

#[derive(Debug, Deserialize, TS)]
pub struct AddNote {
    pub id: NoteId,
    pub member_id: MemberId,
    pub body: String,
    pub at_door: AtDoor,
}

#[derive(Debug, Deserialize, TS)]
pub struct ResolveNote {
    pub note_id: NoteId,
}

/// Body mass index to one decimal, in tenths: 245 is 24.5.
#[derive(Clone, Debug, Serialize, TS)]
pub struct Bmi {
    pub tenths: u32,
    /// WHO category, only for adults from 20.
    pub category: Option<BmiCategory>,
}

/// WHO classes for adults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum BmiCategory {
    Underweight,
    Normal,
    Overweight,
    ObeseOne,
    ObeseTwo,
    ObeseThree,
}

#[derive(Debug, Deserialize, TS)]
pub struct AddMeasurement {
    pub id: MeasurementId,
    pub member_id: MemberId,
    /// `weight` (grams), `height`, `chest`, `waist`, `hips` (millimetres), `body_fat` (hundredths of a percent).
    pub kind: String,
    pub value: i64,
    pub measured_on: NaiveDate,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Measurement {
    pub id: MeasurementId,
    pub kind: String,
    pub value: i64,
    pub measured_on: NaiveDate,
}

/// Newest first.
#[derive(Clone, Debug, Serialize, TS)]
pub struct Measurements {
    pub rows: Vec<Measurement>,
}

/// A picture as base64: PNG, JPEG, GIF or WebP by content.
#[derive(Debug, Deserialize, TS)]
pub struct SetPhoto {
    pub member_id: MemberId,
    pub picture_base64: String,
}

#[derive(Debug, Deserialize, TS)]
pub struct GetPhoto {
    pub file_id: FileId,
    /// True for a small square for lists.
    #[serde(default)]
    pub thumbnail: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Picture {
    pub mime: String,
    pub base64: String,
}

#[derive(Clone, Debug, Deserialize, TS)]
pub struct ListTimeline {
    pub member_id: MemberId,
    /// Only what comes after that row; the last row of a page gives the next one.
    #[serde(default)]
    pub before: Option<TimelineCursor>,
    /// Only what is of this kind.
    #[serde(default)]
    pub kind: Option<TimelineKind>,
    /// 50 by default, at most 200.
    #[serde(default)]
    pub limit: Option<i64>,
}

impl ListTimeline {
    /// The newest page of everything.
    pub fn of(member_id: MemberId) -> Self {
        Self { member_id, before: None, kind: None, limit: None }
    }
}

/// Where a page ends. Several things happen at one moment, so the moment alone would lose some of them.
#[derive(Clone, Copy, Debug, Deserialize, TS)]
pub struct TimelineCursor {
    pub at: DateTime<Utc>,
    pub id: Uuid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum TimelineKind {
    Entries,
    /// Sales, renewals, cancellations and what else changes a subscription, without freezes.
    Subscriptions,
    Freezes,
    Receipts,
    Passes,
    /// Changes to the record.
    Edits,
}

/// What happened to a member, newest first.
#[derive(Clone, Debug, Serialize, TS)]
pub struct Timeline {
    pub rows: Vec<TimelineRow>,
    pub more: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct TimelineRow {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub kind: TimelineKind,
    /// `entry`, `entry_undone`, an event of a subscription (`sold`, `frozen` …), a receipt (`receipt_sale` …), of a pass
    /// (`pass.issued` …), of a household (`household.joined`, `household.left`), or an act of the audit log
    /// (`member.updated` …).
    pub what: String,
    /// The plan, the receipt's number, the code, the household.
    pub title: Option<String>,
    pub from_on: Option<NaiveDate>,
    pub until_on: Option<NaiveDate>,
    pub days: Option<i32>,
    pub reason: Option<String>,
    pub amount: Option<Money>,
    pub receipt_id: Option<ReceiptId>,
    pub by: Option<String>,
    pub branch: Option<String>,
    pub desk: Option<String>,
}

impl TimelineRow {
    /// Where a page ends that ends with this row.
    pub fn cursor(&self) -> TimelineCursor {
        TimelineCursor { at: self.at, id: self.id }
    }
}
