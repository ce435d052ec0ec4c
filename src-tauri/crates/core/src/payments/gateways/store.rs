//! Rows of the ways of being paid from afar.
use crate::error::Error;
use crate::ids::BranchId;
use crate::payments::gateways::wire::{GatewaySettings, RemoteMethod};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// A way with its keys still encrypted.
#[derive(Clone, Debug)]
pub struct GatewayRow {
    pub id: Uuid,
    pub enabled: bool,
    pub settings: GatewaySettings,
    pub secrets: Option<Vec<u8>>,
    pub updated_at: DateTime<Utc>,
}

pub async fn all(db: &mut PgConnection, branch: BranchId) -> Result<Vec<GatewayRow>, Error> {
    let rows = sqlx::query!(
        "select id, enabled, settings, secrets, updated_at from gateways where branch_id = $1 order by kind",
        branch.0
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(GatewayRow {
                id: row.id,
                enabled: row.enabled,
                settings: read(row.settings)?,
                secrets: row.secrets,
                updated_at: row.updated_at,
            })
        })
        .collect()
}

pub async fn one(
    db: &mut PgConnection,
    branch: BranchId,
    method: RemoteMethod,
) -> Result<Option<GatewayRow>, Error> {
    Ok(all(db, branch).await?.into_iter().find(|row| row.settings.method() == method))
}

/// Branches that have a gateway of that kind switched on.
pub async fn branches_with(db: &mut PgConnection, method: RemoteMethod) -> Result<Vec<BranchId>, Error> {
    Ok(sqlx::query_scalar!(
        r#"select branch_id as "id: BranchId" from gateways where kind = $1 and enabled order by branch_id"#,
        method.as_str()
    )
    .fetch_all(db)
    .await?)
}

pub async fn put(
    db: &mut PgConnection,
    branch: BranchId,
    row: &GatewayRow,
    account: Option<Uuid>,
) -> Result<(), Error> {
    let settings = serde_json::to_value(&row.settings).map_err(|error| Error::Internal(error.to_string()))?;
    sqlx::query!(
        "insert into gateways (id, branch_id, kind, enabled, settings, secrets, updated_at, updated_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict on constraint gateways_kind_key do update
         set enabled = excluded.enabled, settings = excluded.settings, secrets = excluded.secrets,
             updated_at = excluded.updated_at, updated_by = excluded.updated_by",
        row.id,
        branch.0,
        row.settings.method().as_str(),
        row.enabled,
        settings,
        row.secrets,
        row.updated_at,
        account
    )
    .execute(db)
    .await?;
    Ok(())
}

fn read(settings: serde_json::Value) -> Result<GatewaySettings, Error> {
    serde_json::from_value(settings)
        .map_err(|error| Error::Internal(format!("settings of a gateway: {error}")))
}
