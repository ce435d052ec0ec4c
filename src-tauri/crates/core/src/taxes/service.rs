//! Listing, adding and archiving tax rates.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::members::form::line;
use crate::services::Services;
use crate::taxes::store;
use crate::taxes::wire::{ChooseTaxRate, CreateTaxRate, ListTaxRates, TaxRate, TaxRates};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

const NAME_LENGTH: usize = 40;
/// Hundredths of a per cent in the whole.
const WHOLE: i32 = 10_000;

/// Rates in use, or the archived ones, for whoever prices or sells things.
pub async fn list(services: &Services, actor: &Actor, request: ListTaxRates) -> Result<TaxRates, Error> {
    let any =
        [Permission::EditPlans, Permission::EditProducts, Permission::EditSettings, Permission::SeeMoney];
    if !any.iter().any(|permission| actor.require(*permission).is_ok()) {
        actor.require(Permission::Sell)?;
    }
    let mut db = services.db.acquire().await?;
    Ok(TaxRates { rows: store::list(&mut db, request.archived).await? })
}

/// A new rate. A retry with the same id creates nothing again.
///
/// # Errors
/// [`Error::Invalid`] in `name` (`required`, `too_long`, `taken`) and `rate_bp` (`out_of_range`).
pub async fn create(services: &Services, actor: &Actor, request: CreateTaxRate) -> Result<TaxRate, Error> {
    actor.require(Permission::EditSettings)?;
    let name = line("name", &request.name, NAME_LENGTH)?.ok_or(Error::invalid("name", "required"))?;
    if !(0..=WHOLE).contains(&request.rate_bp) {
        return Err(Error::invalid("rate_bp", "out_of_range"));
    }
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let is_new = store::insert(&mut tx, request.id, &name, request.rate_bp, now).await?;
    let rate = store::fetch(&mut tx, request.id).await?;
    if is_new {
        audited(&mut tx, actor, now, "tax_rate.created", &rate).await?;
    }
    tx.commit().await?;
    Ok(rate)
}

/// Takes a rate off the list. What names it keeps it.
pub async fn archive(services: &Services, actor: &Actor, request: ChooseTaxRate) -> Result<TaxRate, Error> {
    actor.require(Permission::EditSettings)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let archived = store::archive(&mut tx, request.tax_rate_id, now).await?;
    let rate = store::fetch(&mut tx, request.tax_rate_id).await?;
    if archived {
        audited(&mut tx, actor, now, "tax_rate.archived", &rate).await?;
    }
    tx.commit().await?;
    Ok(rate)
}

/// Puts an archived rate back on the list.
///
/// # Errors
/// [`Error::Invalid`] `taken` in `name` when its name was given to another rate meanwhile.
pub async fn restore(services: &Services, actor: &Actor, request: ChooseTaxRate) -> Result<TaxRate, Error> {
    actor.require(Permission::EditSettings)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let restored = store::restore(&mut tx, request.tax_rate_id).await?;
    let rate = store::fetch(&mut tx, request.tax_rate_id).await?;
    if restored {
        audited(&mut tx, actor, now, "tax_rate.restored", &rate).await?;
    }
    tx.commit().await?;
    Ok(rate)
}

async fn audited(
    db: &mut PgConnection,
    actor: &Actor,
    now: DateTime<Utc>,
    act: &str,
    rate: &TaxRate,
) -> Result<(), Error> {
    let change = Change {
        act,
        subject_kind: "tax_rate",
        subject: Some(rate.id.0),
        before: None,
        after: Some(serde_json::json!(rate)),
    };
    audit::record(db, actor, now, change).await
}
