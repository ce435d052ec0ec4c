//! Requests and answers about households.
use crate::ids::{HouseholdId, MemberId};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How somebody belongs to a household.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Relation {
    /// Owes what all of them buy.
    Payer,
    Adult,
    Dependent,
}

/// A household as it is to be; members left out leave it.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct SetHousehold {
    pub id: HouseholdId,
    pub name: String,
    /// Exactly one of them is the payer.
    pub members: Vec<Belonging>,
}

#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct Belonging {
    pub member_id: MemberId,
    pub relation: Relation,
    /// Of a minor; none is the payer.
    #[serde(default)]
    pub guardian_id: Option<MemberId>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct HouseholdOf {
    /// None where the member pays for nobody else and nobody else for them.
    pub household: Option<Household>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Household {
    pub id: HouseholdId,
    pub name: String,
    /// The payer first, then by name.
    pub members: Vec<HouseholdMember>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct HouseholdMember {
    pub member_id: MemberId,
    pub full_name: String,
    pub number: String,
    pub relation: Relation,
    /// Of a dependent.
    pub guardian_id: Option<MemberId>,
    pub guardian_name: Option<String>,
}
