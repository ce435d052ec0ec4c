//! Requests and answers about accounts and sessions.
use super::model::{Permission, Role};
use crate::ids::{AccountId, BranchId, DeskId, SessionId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Log in with an e-mail address or a username.
#[derive(Debug, Deserialize, TS)]
pub struct Login {
    pub identifier: String,
    pub password: String,
}

/// Who is on the desk, and what they may do.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct Me {
    pub account_id: AccountId,
    pub full_name: String,
    pub roles: Vec<Role>,
    pub permissions: Vec<Permission>,
    pub branch_id: BranchId,
    pub desk_id: DeskId,
    pub has_pin: bool,
    pub locked: bool,
    /// Sent back as `x-gatehouse-csrf` with every call of a browser.
    pub csrf_token: String,
}

/// Unlock with the own password, or switch to another member of staff: by PIN.
#[derive(Debug, Deserialize, TS)]
pub struct Unlock {
    /// Whose PIN or password it is.
    pub account_id: AccountId,
    pub pin: Option<String>,
    pub password: Option<String>,
}

/// Staff who can be picked on the lock screen of this desk: those with a PIN.
#[derive(Clone, Debug, Serialize, TS)]
pub struct DeskPerson {
    pub account_id: AccountId,
    pub full_name: String,
    pub has_pin: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct DeskPeople {
    pub rows: Vec<DeskPerson>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct Sessions {
    pub rows: Vec<SessionRow>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct SessionRow {
    pub id: SessionId,
    pub account_id: AccountId,
    pub full_name: String,
    pub device: String,
    pub ip: Option<String>,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    pub second_factor_passed: bool,
    pub locked: bool,
    pub is_this: bool,
}

#[derive(Debug, Deserialize, TS)]
pub struct RevokeSession {
    pub session_id: SessionId,
}

/// Page through accounts.
#[derive(Debug, Default, Deserialize, TS)]
pub struct ListStaff {
    /// Part of a name, e-mail or username.
    pub search: Option<String>,
    pub role: Option<Role>,
    /// `active`, `suspended` or both.
    pub suspended: Option<bool>,
    #[serde(default)]
    pub offset: i64,
    pub limit: Option<i64>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct StaffPage {
    pub rows: Vec<StaffRow>,
    pub total: i64,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct StaffRow {
    pub id: AccountId,
    pub full_name: String,
    pub username: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub roles: Vec<Role>,
    pub has_pin: bool,
    pub suspended_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize, TS)]
pub struct CreateStaff {
    pub full_name: String,
    pub username: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub roles: Vec<Role>,
    pub password: String,
    pub pin: Option<String>,
}

/// Absent fields stay as they are.
#[derive(Debug, Deserialize, TS)]
pub struct UpdateStaff {
    pub account_id: AccountId,
    pub full_name: Option<String>,
    pub username: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub roles: Option<Vec<Role>>,
    pub password: Option<String>,
    /// 4-8 digits.
    pub pin: Option<String>,
}

#[derive(Debug, Deserialize, TS)]
pub struct ChooseStaff {
    pub account_id: AccountId,
}

/// Own password or PIN.
#[derive(Debug, Deserialize, TS)]
pub struct ChangeOwnSecret {
    pub current_password: String,
    pub new_password: Option<String>,
    pub new_pin: Option<String>,
}

/// One cell of the matrix.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
pub struct PermissionCell {
    pub role: Role,
    pub permission: Permission,
    pub granted: bool,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct PermissionMatrix {
    pub roles: Vec<Role>,
    pub permissions: Vec<Permission>,
    pub cells: Vec<PermissionCell>,
}
