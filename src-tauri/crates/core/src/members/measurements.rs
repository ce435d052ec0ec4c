//! Measurements over time, in whole units: grams, millimetres, hundredths of a percent.
use super::form;
use super::service::{branch_today, require_member};
use super::wire::{AddMeasurement, ChooseMember, Measurement, Measurements};
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::error::Error;
use crate::ids::MeasurementId;
use crate::services::Services;

/// What a person can measure; own kinds only have to be positive.
fn plausible(kind: &str) -> std::ops::RangeInclusive<i64> {
    match kind {
        "weight" => 2_000..=700_000,
        "height" => 300..=2_750,
        "chest" | "waist" | "hips" => 100..=4_000,
        "body_fat" => 100..=8_000,
        _ => 1..=1_000_000_000,
    }
}

/// Adds one value; a retry with the same id gets the first one.
///
/// # Errors
/// `kind` and `value` out of range, `measured_on` in the future.
pub async fn add(services: &Services, actor: &Actor, request: AddMeasurement) -> Result<Measurement, Error> {
    actor.require(Permission::EditMembers)?;
    let kind = form::line("kind", &request.kind, 40)?.ok_or(Error::invalid("kind", "required"))?;
    if !plausible(&kind).contains(&request.value) {
        return Err(Error::invalid("value", "out_of_range"));
    }
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let (_, today) = branch_today(&mut tx, services, actor.branch()?).await?;
    let measured_on = form::past_day("measured_on", request.measured_on, today)?;
    require_member(&mut tx, request.member_id).await?;
    let added = sqlx::query!(
        "insert into measurements (id, member_id, kind, value, measured_on, created_at, created_by) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict on constraint measurements_pkey do nothing",
        request.id.0,
        request.member_id.0,
        kind,
        request.value,
        measured_on,
        now,
        actor.account().map(|id| id.0),
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if added == 1 {
        let change = Change {
            act: "member.measured",
            subject_kind: "member",
            subject: Some(request.member_id.0),
            before: None,
            after: Some(serde_json::json!({ "kind": kind, "value": request.value, "on": measured_on })),
        };
        audit::record(&mut tx, actor, now, change).await?;
    }
    let stored = sqlx::query_as!(
        Measurement,
        r#"select id as "id: MeasurementId", kind, value, measured_on from measurements where id = $1"#,
        request.id.0
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(stored)
}

/// All values of a member, newest first.
pub async fn list(services: &Services, actor: &Actor, request: ChooseMember) -> Result<Measurements, Error> {
    actor.require(Permission::ViewMembers)?;
    let mut db = services.db.acquire().await?;
    let rows = sqlx::query_as!(
        Measurement,
        r#"select id as "id: MeasurementId", kind, value, measured_on from measurements
           where member_id = $1 order by measured_on desc, created_at desc, id desc"#,
        request.member_id.0
    )
    .fetch_all(&mut *db)
    .await?;
    Ok(Measurements { rows })
}
