//! Who acts. Services ask the actor for permission on their first line.
use crate::auth::model::{Permission, Role};
use crate::error::Error;
use crate::ids::{AccountId, BranchId, DeskId, SessionId};
use std::collections::BTreeSet;

/// Somebody or something that may call a service.
#[derive(Clone, Debug)]
pub enum Actor {
    /// A member of staff with a session.
    Staff(StaffActor),
    /// A desk nobody is logged in at, or that is locked: it scans and shows verdicts, nothing else.
    Desk(DeskActor),
    /// The product itself: set-up, command line, jobs.
    System { branch: Option<BranchId>, desk: Option<DeskId> },
}

#[derive(Clone, Debug)]
pub struct StaffActor {
    pub account: AccountId,
    pub session: SessionId,
    pub roles: BTreeSet<Role>,
    pub permissions: BTreeSet<Permission>,
    pub branch: BranchId,
    pub desk: DeskId,
}

#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub struct DeskActor {
    pub branch: BranchId,
    pub desk: DeskId,
}

impl Actor {
    /// # Errors
    /// [`Error::Forbidden`] when the role matrix does not grant it, [`Error::Locked`] from a desk without a person.
    pub fn require(&self, permission: Permission) -> Result<(), Error> {
        match self {
            Self::System { .. } => Ok(()),
            Self::Staff(staff) if staff.permissions.contains(&permission) => Ok(()),
            Self::Staff(_) => Err(Error::Forbidden(permission)),
            Self::Desk(_) if permission == Permission::CheckIn => Ok(()),
            Self::Desk(_) => Err(Error::Locked),
        }
    }

    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Staff(staff) => Some(staff.account),
            Self::Desk(_) | Self::System { .. } => None,
        }
    }

    pub fn branch(&self) -> Result<BranchId, Error> {
        match self {
            Self::Staff(staff) => Ok(staff.branch),
            Self::Desk(desk) => Ok(desk.branch),
            Self::System { branch, .. } => branch.ok_or(Error::NotFound("branch")),
        }
    }

    pub fn desk(&self) -> Result<DeskId, Error> {
        match self {
            Self::Staff(staff) => Ok(staff.desk),
            Self::Desk(desk) => Ok(desk.desk),
            Self::System { desk, .. } => desk.ok_or(Error::NotFound("desk")),
        }
    }
}
