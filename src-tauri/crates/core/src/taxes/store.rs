//! Rows of tax rates.
use crate::error::Error;
use crate::ids::TaxRateId;
use crate::taxes::wire::TaxRate;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// Rates in use, or those that were archived; by name.
pub async fn list(db: &mut PgConnection, archived: bool) -> Result<Vec<TaxRate>, Error> {
    Ok(sqlx::query_as!(
        TaxRate,
        r#"select id as "id: TaxRateId", name, rate_bp, archived_at from tax_rates
           where (archived_at is not null) = $1 order by lower(name), id"#,
        archived
    )
    .fetch_all(db)
    .await?)
}

pub async fn fetch(db: &mut PgConnection, id: TaxRateId) -> Result<TaxRate, Error> {
    sqlx::query_as!(
        TaxRate,
        r#"select id as "id: TaxRateId", name, rate_bp, archived_at from tax_rates where id = $1"#,
        id.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound("tax_rate"))
}

/// False when a rate with this id is there already.
pub async fn insert(
    db: &mut PgConnection,
    id: TaxRateId,
    name: &str,
    rate_bp: i32,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "insert into tax_rates (id, name, rate_bp, created_at) values ($1, $2, $3, $4)
         on conflict on constraint tax_rates_pkey do nothing",
        id.0,
        name,
        rate_bp,
        now
    )
    .execute(db)
    .await
    .map_err(|error| match Error::constraint(&error) {
        Some("tax_rates_name_key") => Error::invalid("name", "taken"),
        _ => error.into(),
    })?;
    Ok(done.rows_affected() > 0)
}

/// False when it was archived before.
pub async fn archive(db: &mut PgConnection, id: TaxRateId, now: DateTime<Utc>) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update tax_rates set archived_at = $2 where id = $1 and archived_at is null",
        id.0,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// False when it was in use.
///
/// # Errors
/// [`Error::Invalid`] `taken` in `name` when another rate has its name meanwhile.
pub async fn restore(db: &mut PgConnection, id: TaxRateId) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update tax_rates set archived_at = null where id = $1 and archived_at is not null",
        id.0
    )
    .execute(db)
    .await
    .map_err(|error| match Error::constraint(&error) {
        Some("tax_rates_name_key") => Error::invalid("name", "taken"),
        _ => error.into(),
    })?;
    Ok(done.rows_affected() > 0)
}
