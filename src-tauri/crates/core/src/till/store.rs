//! Rows of tills and shifts.
use crate::actor::Actor;
use crate::error::Error;
use crate::ids::{ShiftId, TillId};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

/// The shift that money at this till belongs to, held open until the transaction ends: a closing waits for it. A till
/// without one opens one by itself, with what the last shift left in the drawer, so that nobody at the desk is
/// refused; its float counts as not counted.
pub async fn shift_for_money(
    db: &mut PgConnection,
    actor: &Actor,
    till: TillId,
    currency: &str,
    day: NaiveDate,
    now: DateTime<Utc>,
) -> Result<ShiftId, Error> {
    if let Some(open) = open_shift(db, till).await? {
        return Ok(open);
    }
    sqlx::query!(
        "insert into till_shifts (id, branch_id, till_id, number, business_day, opened_at, opened_by, currency, float_amount,
             float_counted)
         select $1, $2, $3, coalesce(max(number), 0) + 1, $4, $5, $6, $7,
             coalesce((array_agg(left_in_drawer order by number desc) filter (where currency = $7))[1], 0), false
         from till_shifts where till_id = $3
         on conflict do nothing",
        ShiftId::new(now).0,
        actor.branch()?.0,
        till.0,
        day,
        now,
        actor.account().map(|id| id.0),
        currency
    )
    .execute(&mut *db)
    .await?;
    open_shift(db, till).await?.ok_or(Error::conflict("shift_changed"))
}

/// Locks the till's open shift against closing.
async fn open_shift(db: &mut PgConnection, till: TillId) -> Result<Option<ShiftId>, Error> {
    Ok(sqlx::query_scalar!(
        r#"select id as "id: ShiftId" from till_shifts where till_id = $1 and closed_at is null for share"#,
        till.0
    )
    .fetch_optional(db)
    .await?)
}
