//! Identifiers. They are UUIDs version 7 made by the app, so that a branch can create rows offline and
//! rows sort by the time they were made.
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use uuid::Uuid;

/// A new id for something made at `now`; the rest is random.
pub fn new_id(now: DateTime<Utc>) -> Uuid {
    let random = crate::random::bytes::<10>();
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

macro_rules! id_types {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        #[ts(as = "String")]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, made at `now`.
            pub fn new(now: DateTime<Utc>) -> Self {
                Self(new_id(now))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

id_types! {
    GymId, BranchId, DeskId, AccountId, SessionId, MemberId, NoteId, MeasurementId, FileId, PlanId, PriceId,
    SubscriptionId, SubscriptionEventId, TransactionId, ChargeId, PaymentId, CreditId, RefundId, AllocationId,
    TaxRateId, HouseholdId, ClosureId, TillId, ShiftId, ReceiptId, RequestId, VoucherId, ProductId, MovementId,
    ExpenseId, MandateId, MailId, PairedDeskId,
    /// The row of a pass; the 8 bytes inside its code are another number.
    PassId,
    /// Nonce of one scan: a retry carries the same.
    ScanId,
    EntryId,
}
