//! The role matrix as stored: shown in Settings, edited by the owner.
use super::model::{Permission, Role, default_permissions};
use super::wire::{PermissionCell, PermissionMatrix};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::error::Error;
use crate::services::Services;
use sqlx::PgConnection;

/// Stores the matrix a new gym starts with.
pub(crate) async fn store_defaults(db: &mut PgConnection) -> Result<(), Error> {
    for role in Role::STAFF {
        for permission in default_permissions(role) {
            sqlx::query!(
                "insert into role_permissions (role, permission) values ($1, $2) on conflict do nothing",
                role.as_str(),
                permission.as_str()
            )
            .execute(&mut *db)
            .await?;
        }
    }
    Ok(())
}

/// Every cell of the matrix.
pub async fn matrix(services: &Services, actor: &Actor) -> Result<PermissionMatrix, Error> {
    actor.require(Permission::ManageStaff)?;
    let granted =
        sqlx::query!("select role, permission from role_permissions").fetch_all(&services.db).await?;
    let is_granted = |role: Role, permission: Permission| {
        granted.iter().any(|row| row.role == role.as_str() && row.permission == permission.as_str())
    };
    let cells = Role::STAFF
        .into_iter()
        .flat_map(|role| Permission::ALL.iter().map(move |permission| (role, *permission)))
        .map(|(role, permission)| PermissionCell { role, permission, granted: is_granted(role, permission) })
        .collect();
    Ok(PermissionMatrix { roles: Role::STAFF.to_vec(), permissions: Permission::ALL.to_vec(), cells })
}

/// Grants or withdraws one permission. The owner's row is fixed, so that nobody can lock the gym out.
pub async fn set(
    services: &Services,
    actor: &Actor,
    cell: PermissionCell,
) -> Result<PermissionMatrix, Error> {
    actor.require(Permission::ManageRoles)?;
    if matches!(cell.role, Role::Owner | Role::Member) {
        return Err(Error::invalid("role", "role_fixed"));
    }
    let now = services.now();
    let mut tx = services.db.begin().await?;
    if cell.granted {
        sqlx::query!(
            "insert into role_permissions (role, permission) values ($1, $2) on conflict do nothing",
            cell.role.as_str(),
            cell.permission.as_str()
        )
        .execute(&mut *tx)
        .await?;
    } else {
        sqlx::query!(
            "delete from role_permissions where role = $1 and permission = $2",
            cell.role.as_str(),
            cell.permission.as_str()
        )
        .execute(&mut *tx)
        .await?;
    }
    let after = Some(serde_json::json!(cell));
    audit::record(
        &mut tx,
        actor,
        now,
        Change { act: "permission.set", subject_kind: "role", subject: None, before: None, after },
    )
    .await?;
    tx.commit().await?;
    matrix(services, actor).await
}
