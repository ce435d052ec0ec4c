//! Rows of tills and shifts.
use crate::actor::Actor;
use crate::error::Error;
use crate::ids::{AccountId, BranchId, DeskId, MovementId, ShiftId, TillId, TransactionId};
use crate::money::Money;
use crate::till::wire::{CashDirection, CountLine, DeskTill, ShiftSummary, TillRow};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;

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

/// A till with the branch's clock and money, what its last shift left, and the one that runs.
#[derive(Clone, Debug)]
pub struct Drawer {
    pub till: TillId,
    pub number: i16,
    pub name: String,
    pub currency: String,
    pub time_zone: String,
    pub day_starts_at: i16,
    /// None before the first shift was closed.
    pub left: Option<i64>,
    pub open: Option<ShiftId>,
}

/// The named till of the actor's branch or, without a name, the one of the actor's desk.
///
/// # Errors
/// [`Error::NotFound`] for a till of another branch, and for an actor at no desk.
pub async fn drawer(db: &mut PgConnection, actor: &Actor, till: Option<TillId>) -> Result<Drawer, Error> {
    let row = sqlx::query!(
        r#"select t.id as "id: TillId", t.number, t.name, b.currency, b.time_zone, b.day_starts_at,
               (select left_in_drawer from till_shifts s where s.till_id = t.id and s.currency = b.currency
                   and s.closed_at is not null order by s.number desc limit 1) as left_in_drawer,
               (select s.id from till_shifts s where s.till_id = t.id and s.closed_at is null) as "open: ShiftId"
           from tills t join branches b on b.id = t.branch_id
           where t.branch_id = $1 and t.id = coalesce($2, (select till_id from desks where id = $3))"#,
        actor.branch()?.0,
        till.map(|id| id.0),
        actor.desk().ok().map(|id| id.0)
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound("till"))?;
    Ok(Drawer {
        till: row.id,
        number: row.number,
        name: row.name,
        currency: row.currency,
        time_zone: row.time_zone,
        day_starts_at: row.day_starts_at,
        left: row.left_in_drawer,
        open: row.open,
    })
}

/// A shift to be opened by somebody who counted the float.
#[derive(Clone, Copy, Debug)]
pub struct NewShift {
    pub id: ShiftId,
    pub till: TillId,
    pub business_day: NaiveDate,
    pub at: DateTime<Utc>,
    pub float: i64,
}

/// # Errors
/// [`Error::Conflict`] `shift_open` when the till has one already.
pub async fn insert_shift(
    db: &mut PgConnection,
    actor: &Actor,
    shift: NewShift,
    currency: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into till_shifts (id, branch_id, till_id, number, business_day, opened_at, opened_by, currency, float_amount,
             float_counted)
         select $1, $2, $3, coalesce(max(number), 0) + 1, $4, $5, $6, $7, $8, true
         from till_shifts where till_id = $3",
        shift.id.0,
        actor.branch()?.0,
        shift.till.0,
        shift.business_day,
        shift.at,
        actor.account().map(|id| id.0),
        currency,
        shift.float
    )
    .execute(db)
    .await
    .map_err(|error| match Error::constraint(&error) {
        Some("till_shifts_one_open_key" | "till_shifts_number_key") => Error::conflict("shift_open"),
        _ => error.into(),
    })?;
    Ok(())
}

/// Cash carried between drawer and safe.
#[derive(Clone, Copy, Debug)]
pub struct NewMovement<'a> {
    pub transaction: TransactionId,
    pub shift: ShiftId,
    pub direction: CashDirection,
    pub amount: &'a Money,
    pub reason: &'a str,
    pub at: DateTime<Utc>,
}

pub async fn insert_movement(db: &mut PgConnection, movement: NewMovement<'_>) -> Result<(), Error> {
    sqlx::query!(
        "insert into cash_movements (id, transaction_id, shift_id, kind, amount, currency, reason)
         values ($1, $2, $3, $4, $5, $6, $7)",
        MovementId::new(movement.at).0,
        movement.transaction.0,
        movement.shift.0,
        movement.direction as CashDirection,
        movement.amount.minor,
        movement.amount.currency,
        movement.reason
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A shift as stored, with the names that a report shows.
#[derive(Clone, Debug)]
pub struct Shift {
    pub id: ShiftId,
    pub till: TillId,
    pub till_name: String,
    pub number: i32,
    pub business_day: NaiveDate,
    pub opened_at: DateTime<Utc>,
    pub opened_by: Option<String>,
    pub currency: String,
    pub float: i64,
    pub float_counted: bool,
    pub closed_at: Option<DateTime<Utc>>,
    /// The last count that was sent.
    pub counted: Option<Vec<CountLine>>,
    /// The report it was closed with.
    pub report: Option<serde_json::Value>,
}

/// A shift of the branch.
pub async fn shift(db: &mut PgConnection, branch: BranchId, id: ShiftId) -> Result<Shift, Error> {
    let row = sqlx::query!(
        r#"select s.till_id as "till_id: TillId", t.name as till_name, s.number, s.business_day, s.opened_at, s.currency,
               s.float_amount, s.float_counted, s.closed_at, s.counted as "counted: Json<Vec<CountLine>>", s.report,
               a.full_name as "opened_by?"
           from till_shifts s join tills t on t.id = s.till_id left join accounts a on a.id = s.opened_by
           where s.id = $1 and s.branch_id = $2"#,
        id.0,
        branch.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound("shift"))?;
    Ok(Shift {
        id,
        till: row.till_id,
        till_name: row.till_name,
        number: row.number,
        business_day: row.business_day,
        opened_at: row.opened_at,
        opened_by: row.opened_by,
        currency: row.currency,
        float: row.float_amount,
        float_counted: row.float_counted,
        closed_at: row.closed_at,
        counted: row.counted.map(|lines| lines.0),
        report: row.report,
    })
}

/// Waits for the sales that are under way at the shift and keeps further ones out until the transaction ends.
pub async fn lock(db: &mut PgConnection, id: ShiftId) -> Result<(), Error> {
    sqlx::query!("select id from till_shifts where id = $1 for update", id.0).fetch_optional(db).await?;
    Ok(())
}

pub async fn store_count(db: &mut PgConnection, id: ShiftId, lines: &[CountLine]) -> Result<(), Error> {
    sqlx::query!("update till_shifts set counted = $2 where id = $1", id.0, Json(lines) as _)
        .execute(db)
        .await?;
    Ok(())
}

/// What a shift is closed with, in minor units.
#[derive(Clone, Debug)]
pub struct ClosedShift<'a> {
    pub id: ShiftId,
    pub at: DateTime<Utc>,
    pub by: Option<AccountId>,
    pub counted: i64,
    pub expected: i64,
    pub left: i64,
    pub reason: Option<&'a str>,
    pub report: &'a serde_json::Value,
}

/// # Errors
/// [`Error::Conflict`] `shift_closed` when it was closed before.
pub async fn close(db: &mut PgConnection, shift: ClosedShift<'_>) -> Result<(), Error> {
    sqlx::query!(
        "update till_shifts set closed_at = $2, closed_by = $3, counted_amount = $4, expected_amount = $5, left_in_drawer = $6,
             variance_reason = $7, report = $8
         where id = $1",
        shift.id.0,
        shift.at,
        shift.by.map(|id| id.0),
        shift.counted,
        shift.expected,
        shift.left,
        shift.reason,
        shift.report
    )
    .execute(db)
    .await
    .map_err(|error| match Error::constraint(&error) {
        Some("till_shifts_closed_stays") => Error::conflict("shift_closed"),
        _ => error.into(),
    })?;
    Ok(())
}

/// Shifts of the branch's business days, newest first.
pub async fn shifts(
    db: &mut PgConnection,
    branch: BranchId,
    from: NaiveDate,
    until: NaiveDate,
    till: Option<TillId>,
) -> Result<Vec<ShiftSummary>, Error> {
    let rows = sqlx::query!(
        r#"select s.id as "id: ShiftId", s.till_id as "till_id: TillId", t.name as till_name, s.number, s.business_day, s.opened_at,
               s.float_counted, s.closed_at, s.currency, s.expected_amount, s.counted_amount, s.variance_reason,
               o.full_name as "opened_by?", c.full_name as "closed_by?"
           from till_shifts s
           join tills t on t.id = s.till_id
           left join accounts o on o.id = s.opened_by
           left join accounts c on c.id = s.closed_by
           where s.branch_id = $1 and s.business_day between $2 and $3 and ($4::uuid is null or s.till_id = $4)
           order by s.business_day desc, s.opened_at desc, s.id desc"#,
        branch.0,
        from,
        until,
        till.map(|id| id.0)
    )
    .fetch_all(db)
    .await?;
    let summaries = rows.into_iter().map(|row| {
        let money = |minor: i64| Money::new(minor, row.currency.clone());
        ShiftSummary {
            id: row.id,
            till_id: row.till_id,
            till_name: row.till_name,
            number: row.number,
            business_day: row.business_day,
            opened_at: row.opened_at,
            opened_by: row.opened_by,
            float_counted: row.float_counted,
            closed_at: row.closed_at,
            closed_by: row.closed_by,
            expected: row.expected_amount.map(money),
            counted: row.counted_amount.map(money),
            variance: row
                .counted_amount
                .zip(row.expected_amount)
                .map(|(counted, expected)| money(counted - expected)),
            variance_reason: row.variance_reason,
        }
    });
    Ok(summaries.collect())
}

/// The branch's tills by number.
pub async fn tills(db: &mut PgConnection, branch: BranchId) -> Result<Vec<TillRow>, Error> {
    Ok(sqlx::query_as!(
        TillRow,
        r#"select t.id as "id: TillId", t.number, t.name, s.id as "shift_id?: ShiftId"
           from tills t left join till_shifts s on s.till_id = t.id and s.closed_at is null
           where t.branch_id = $1 order by t.number"#,
        branch.0
    )
    .fetch_all(db)
    .await?)
}

/// Lets one change of the branch's tills at a time see the others; new desks wait as well.
pub async fn lock_tills(db: &mut PgConnection, branch: BranchId) -> Result<(), Error> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('tills ' || $1::uuid, 0))", branch.0)
        .execute(db)
        .await?;
    Ok(())
}

/// A till under the branch's next number; false when there is one of that id already.
///
/// # Errors
/// [`Error::Conflict`] `too_many_tills` when the numbers are used up.
pub async fn insert_till(
    db: &mut PgConnection,
    branch: BranchId,
    id: TillId,
    name: &str,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let inserted = sqlx::query!(
        "insert into tills (id, branch_id, number, name, created_at)
         select $1, $2, coalesce(max(number), 0) + 1, $3, $4 from tills where branch_id = $2
         on conflict (id) do nothing",
        id.0,
        branch.0,
        name,
        now
    )
    .execute(db)
    .await
    .map_err(|error| match Error::constraint(&error) {
        Some("tills_number_range") => Error::conflict("too_many_tills"),
        _ => error.into(),
    })?;
    Ok(inserted.rows_affected() > 0)
}

/// The till's name before; it must be one of the branch's.
pub async fn rename_till(
    db: &mut PgConnection,
    branch: BranchId,
    id: TillId,
    name: &str,
) -> Result<String, Error> {
    sqlx::query_scalar!(
        r#"with before as (select id, name from tills where id = $1 and branch_id = $2 for update)
           update tills t set name = $3 from before where t.id = before.id returning before.name as "name!""#,
        id.0,
        branch.0,
        name
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound("till"))
}

/// True when another till of the branch is called that, however it is written.
pub async fn is_till_name_taken(
    db: &mut PgConnection,
    branch: BranchId,
    id: TillId,
    name: &str,
) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from tills where branch_id = $1 and id <> $2 and lower(name) = lower($3)) as "taken!""#,
        branch.0,
        id.0,
        name
    )
    .fetch_one(db)
    .await?)
}

/// Which drawer each desk of the branch uses.
pub async fn desks(db: &mut PgConnection, branch: BranchId) -> Result<Vec<DeskTill>, Error> {
    Ok(sqlx::query_as!(
        DeskTill,
        r#"select id as "desk_id: DeskId", name as desk_name, till_id as "till_id: TillId"
           from desks where branch_id = $1 order by name, id"#,
        branch.0
    )
    .fetch_all(db)
    .await?)
}

/// The drawer it used before.
///
/// # Errors
/// [`Error::NotFound`] for a desk or till of another branch.
pub async fn set_desk_till(
    db: &mut PgConnection,
    branch: BranchId,
    desk: DeskId,
    till: TillId,
) -> Result<TillId, Error> {
    let before = sqlx::query_scalar!(
        r#"select till_id as "till_id: TillId" from desks where id = $1 and branch_id = $2 for update"#,
        desk.0,
        branch.0
    )
    .fetch_optional(&mut *db)
    .await?
    .ok_or(Error::NotFound("desk"))?;
    let done = sqlx::query!(
        "update desks set till_id = $2 where id = $1 and exists (select from tills where id = $2 and branch_id = $3)",
        desk.0,
        till.0,
        branch.0
    )
    .execute(db)
    .await?;
    if done.rows_affected() == 0 {
        return Err(Error::NotFound("till"));
    }
    Ok(before)
}

/// The name of whoever acts.
pub async fn name_of(db: &mut PgConnection, account: Option<AccountId>) -> Result<Option<String>, Error> {
    let Some(account) = account else { return Ok(None) };
    Ok(sqlx::query_scalar!("select full_name from accounts where id = $1", account.0)
        .fetch_optional(db)
        .await?)
}
