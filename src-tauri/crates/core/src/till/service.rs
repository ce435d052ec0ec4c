//! Opening a till, carrying cash, counting and closing.
//!
//! The count is blind: what the drawer should hold is in no answer before a count was sent, except for those who may
//! see money anyway.
use crate::actor::Actor;
use crate::audit::{self, Change};
use crate::auth::model::Permission;
use crate::day::BranchCalendar;
use crate::error::Error;
use crate::ids::{BranchId, ReceiptId, ShiftId, TillId, TransactionId};
use crate::members::form::{line, text};
use crate::money::Money;
use crate::payments::idempotency::{self, Key};
use crate::payments::posting::{Header, Kind, Posting, account};
use crate::payments::wire::{Method, Payment};
use crate::receipts::document::{ReceiptKind, ReceiptLine};
use crate::receipts::give::{Slip, give};
use crate::sales::store::{Counter, counter};
use crate::services::Services;
use crate::till::denominations;
use crate::till::model::{self, sum_of_count};
use crate::till::report;
use crate::till::store::{self, ClosedShift, Drawer, NewMovement, NewShift, Shift};
use crate::till::wire::{
    CashDirection, CashMoved, ChooseShift, ChooseTill, CloseTill, Closing, CountLine, CountTill, Counted,
    CreateTill, ListShiftRows, ListShifts, MethodTotal, MoveCash, OpenShift, OpenTill, RenameTill,
    SetDeskTill, ShiftOpened, ShiftReport, ShiftRows, Shifts, Till, TillCount, Tills, VarianceCause,
};
use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgConnection;

/// Characters of a till's name: one line of a narrow receipt.
const NAME_LENGTH: usize = 40;
/// Characters of a reason.
const REASON_LENGTH: usize = 500;
/// Days of shifts in one list.
const MOST_DAYS: u64 = 366;

/// The desk's till, or another of the branch, with the shift that runs.
pub async fn get(services: &Services, actor: &Actor, request: ChooseTill) -> Result<Till, Error> {
    may_look(actor)?;
    let mut db = services.db.acquire().await?;
    let drawer = store::drawer(&mut db, actor, request.till_id).await?;
    let shift = match drawer.open {
        Some(id) => Some(running(&mut db, actor, id).await?),
        None => None,
    };
    Ok(Till {
        id: drawer.till,
        number: drawer.number,
        name: drawer.name,
        denominations: denominations::of(&drawer.currency).to_vec(),
        left_in_drawer: Money::new(drawer.left.unwrap_or(0), &drawer.currency),
        currency: drawer.currency,
        shift,
    })
}

fn may_look(actor: &Actor) -> Result<(), Error> {
    let any = [Permission::SeeMoney, Permission::CloseTill].map(|permission| actor.require(permission));
    if any.iter().any(Result::is_ok) { Ok(()) } else { actor.require(Permission::OpenTill) }
}

async fn running(db: &mut PgConnection, actor: &Actor, id: ShiftId) -> Result<OpenShift, Error> {
    let shift = store::shift(db, actor.branch()?, id).await?;
    let figures = report::figures(db, id).await?;
    let sees_cash = actor.require(Permission::SeeMoney).is_ok();
    let shown = |mut totals: Vec<MethodTotal>| {
        totals.retain(|total| sees_cash || total.method != Method::Cash);
        totals
    };
    Ok(OpenShift {
        id,
        number: shift.number,
        business_day: shift.business_day,
        opened_at: shift.opened_at,
        float: Money::new(shift.float, &shift.currency),
        float_counted: shift.float_counted,
        is_counted: shift.counted.is_some(),
        receipts: figures.receipts.map_or(0, |range| range.count),
        payments: shown(report::method_totals(&figures.payments, &shift.currency)),
        refunds: shown(report::method_totals(&figures.refunds, &shift.currency)),
        opened_by: shift.opened_by,
    })
}

/// Opens a shift with a counted float. What differs from what the last shift left is a cash difference; the first
/// float of a till comes out of the safe.
///
/// # Errors
/// [`Error::Conflict`] `shift_open` when the till has a shift already; [`Error::Invalid`] as of [`sum_of_count`].
pub async fn open(services: &Services, actor: &Actor, request: OpenTill) -> Result<ShiftOpened, Error> {
    actor.require(Permission::OpenTill)?;
    let key = Key::of(request.idempotency_key, "till_open", &request)?;
    let now = services.now();
    let write = async || {
        let mut tx = services.db.begin().await?;
        let drawer = store::drawer(&mut tx, actor, None).await?;
        let float = sum_of_count(&drawer.currency, &request.counted)?;
        let today = business_day(&drawer, now)?;
        let shift =
            NewShift { id: ShiftId::new(now), till: drawer.till, business_day: today, at: now, float };
        let opened = ShiftOpened {
            shift_id: shift.id,
            float: Money::new(float, &drawer.currency),
            difference: Money::new(drawer.left.map_or(0, |left| float - left), &drawer.currency),
        };
        store::insert_shift(&mut tx, actor, shift, &drawer.currency).await?;
        let header = header(Kind::ShiftOpened, &key, now, today, &drawer.currency, None);
        let mut posting = Posting::new(header);
        let (against, amount) = match drawer.left {
            Some(left) => (account::CASH_DIFFERENCE, float - left),
            None => (account::SAFE, float),
        };
        posting.entry(account::CASH, None, amount);
        posting.entry(against, None, -amount);
        posting.write(&mut tx, actor).await?;
        audited(&mut tx, actor, now, "till.opened", shift.id, &opened).await?;
        idempotency::remember(&mut tx, &key, &opened, now).await?;
        tx.commit().await?;
        Ok(opened)
    };
    let written = write().await;
    idempotency::or_first(services, &key, written).await
}

fn business_day(drawer: &Drawer, now: DateTime<Utc>) -> Result<NaiveDate, Error> {
    Ok(BranchCalendar::stored(&drawer.time_zone, drawer.day_starts_at)?.business_day(now))
}

fn header(
    kind: Kind,
    key: &Key,
    at: DateTime<Utc>,
    business_day: NaiveDate,
    currency: &str,
    reason: Option<String>,
) -> Header {
    Header {
        id: TransactionId::new(at),
        kind,
        at,
        business_day,
        currency: currency.to_owned(),
        idempotency_key: key.id,
        reverses: None,
        reason,
    }
}

/// Carries cash between the safe and the desk's drawer, with a receipt. More may be taken out than the books say is
/// in: the refusal would tell what is.
pub async fn move_cash(services: &Services, actor: &Actor, request: MoveCash) -> Result<CashMoved, Error> {
    actor.require(Permission::CashMovement)?;
    let key = Key::of(request.idempotency_key, "cash_move", &request)?;
    let reason =
        text("reason", &request.reason, REASON_LENGTH)?.ok_or(Error::invalid("reason", "required"))?;
    let now = services.now();
    let write = async || {
        let mut tx = services.db.begin().await?;
        let (counter, _) = counter(&mut tx, actor, None, None, now).await?;
        let amount = Money::new(request.amount_minor, &counter.currency);
        amount.require_price("amount_minor")?;
        if amount.minor == 0 {
            return Err(Error::invalid("amount_minor", "amount_not_positive"));
        }
        let moved = carry(&mut tx, actor, &counter, &key, request.direction, &amount, &reason).await?;
        audited(&mut tx, actor, now, "till.cash_moved", moved.shift_id, &request).await?;
        idempotency::remember(&mut tx, &key, &moved, now).await?;
        tx.commit().await?;
        Ok(moved)
    };
    let written = write().await;
    idempotency::or_first(services, &key, written).await
}

async fn carry(
    db: &mut PgConnection,
    actor: &Actor,
    counter: &Counter,
    key: &Key,
    direction: CashDirection,
    amount: &Money,
    reason: &str,
) -> Result<CashMoved, Error> {
    let (now, today) = (counter.now, counter.today);
    let shift = store::shift_for_money(db, actor, counter.till, &counter.currency, today, now).await?;
    let (kind, receipt_kind, into_drawer) = match direction {
        CashDirection::CashIn => (Kind::CashIn, ReceiptKind::CashIn, amount.minor),
        CashDirection::CashOut => (Kind::CashOut, ReceiptKind::CashOut, -amount.minor),
    };
    let header = header(kind, key, now, today, &counter.currency, Some(reason.to_owned()));
    let transaction = header.id;
    let mut posting = Posting::new(header);
    posting.entry(account::CASH, None, into_drawer);
    posting.entry(account::SAFE, None, -into_drawer);
    let digest = posting.write(db, actor).await?;
    let movement = NewMovement { transaction, shift, direction, amount, reason, at: now };
    store::insert_movement(db, movement).await?;
    let line = ReceiptLine {
        description: reason.to_owned(),
        native_description: None,
        quantity: 1,
        unit: amount.minor,
        gross: amount.minor,
        tax_rate: None,
        tax: 0,
        tax_included: true,
    };
    let receipt_id = ReceiptId::new(now);
    let payment = Payment { method: Method::Cash, amount: amount.clone(), tendered: None, reference: None };
    let slip = Slip {
        id: receipt_id,
        kind: receipt_kind,
        transaction,
        digest: &digest,
        shift: Some(shift),
        lines: vec![line],
        payments: &[payment],
        credit_used: 0,
        rounding: 0,
        change: None,
        still_due: 0,
        original_number: None,
        reason: Some(reason),
    };
    let receipt_number = give(db, counter, slip).await?;
    Ok(CashMoved {
        transaction_id: transaction,
        shift_id: shift,
        receipt_id,
        receipt_number,
        amount: amount.clone(),
    })
}

/// An X report of a shift that runs, for who may see money; of a closed one the Z report as it was made, for who may
/// close tills too.
pub async fn shift_report(
    services: &Services,
    actor: &Actor,
    request: ChooseShift,
) -> Result<ShiftReport, Error> {
    may_look(actor)?;
    let mut db = services.db.acquire().await?;
    let shift = store::shift(&mut db, actor.branch()?, request.shift_id).await?;
    may_read(actor, &shift)?;
    match shift.report {
        Some(report) => serde_json::from_value(report).map_err(|error| Error::Internal(error.to_string())),
        None => Ok(report::figures(&mut db, shift.id).await?.report(&shift)),
    }
}

/// Figures of a shift that runs would tell what the drawer should hold.
fn may_read(actor: &Actor, shift: &Shift) -> Result<(), Error> {
    let needed = if shift.closed_at.is_some() && actor.require(Permission::CloseTill).is_ok() {
        Permission::CloseTill
    } else {
        Permission::SeeMoney
    };
    actor.require(needed)
}

/// The rows behind a figure of a report.
pub async fn shift_rows(
    services: &Services,
    actor: &Actor,
    request: ListShiftRows,
) -> Result<ShiftRows, Error> {
    may_look(actor)?;
    let mut db = services.db.acquire().await?;
    let shift = store::shift(&mut db, actor.branch()?, request.shift_id).await?;
    may_read(actor, &shift)?;
    report::rows(&mut db, shift.id, request.figure, request.offset.max(0)).await
}

/// Takes a count and tells how far it is off and why that may be.
///
/// # Errors
/// [`Error::Conflict`] `shift_closed`; [`Error::Invalid`] as of [`sum_of_count`].
pub async fn count(services: &Services, actor: &Actor, request: CountTill) -> Result<TillCount, Error> {
    actor.require(Permission::CloseTill)?;
    let now = services.now();
    let mut tx = services.db.begin().await?;
    let shift = locked(&mut tx, actor, request.shift_id).await?;
    let counted = sum_of_count(&shift.currency, &request.counted)?;
    store::store_count(&mut tx, shift.id, &lines(&request.counted)).await?;
    let expected = report::figures(&mut tx, shift.id).await?.expected(shift.float);
    let variance = counted - expected;
    let causes = causes(&mut tx, &shift, &request.counted, variance).await?;
    let money = |minor: i64| Money::new(minor, &shift.currency);
    let count =
        TillCount { counted: money(counted), expected: money(expected), variance: money(variance), causes };
    let after = serde_json::json!({ "counted": count.counted, "expected": count.expected });
    audited(&mut tx, actor, now, "till.counted", shift.id, &after).await?;
    tx.commit().await?;
    Ok(count)
}

/// The shift with nobody else's money on its way into it.
async fn locked(db: &mut PgConnection, actor: &Actor, id: ShiftId) -> Result<Shift, Error> {
    store::lock(db, id).await?;
    let shift = store::shift(db, actor.branch()?, id).await?;
    if shift.closed_at.is_some() {
        return Err(Error::conflict("shift_closed"));
    }
    Ok(shift)
}

async fn causes(
    db: &mut PgConnection,
    shift: &Shift,
    counted: &Counted,
    variance: i64,
) -> Result<Vec<VarianceCause>, Error> {
    if variance == 0 {
        return Ok(Vec::new());
    }
    let (movements, rows) = report::suspects(db, shift.id, variance).await?;
    let found = model::variance_causes(&movements, counted, &shift.currency, variance);
    let causes = found.into_iter().map(|cause| VarianceCause {
        kind: cause.kind,
        rows: cause.rows.into_iter().map(|index| rows[index].clone()).collect(),
        denomination: cause.minor.map(|minor| Money::new(minor, &shift.currency)),
    });
    Ok(causes.collect())
}

/// As stored: a count in one sum is one thing of that worth.
fn lines(counted: &Counted) -> Vec<CountLine> {
    match counted {
        Counted::Lines(lines) => lines.iter().filter(|line| line.count > 0).copied().collect(),
        Counted::Total(total) => vec![CountLine { minor: *total, count: 1 }],
    }
}

/// Closes a counted shift: the variance goes to the cash differences, what is not left as the next float into the
/// safe, and the Z report is final.
///
/// # Errors
/// [`Error::Conflict`] `not_counted`, `shift_closed`, `till_moved` when money moved since the count; [`Error::Invalid`]
/// for `left_in_drawer_minor` (`out_of_range`) and `reason` (`required` with a variance).
pub async fn close(services: &Services, actor: &Actor, request: CloseTill) -> Result<ShiftReport, Error> {
    actor.require(Permission::CloseTill)?;
    let key = Key::of(request.idempotency_key, "till_close", &request)?;
    let reason = request.reason.as_deref().map_or(Ok(None), |typed| text("reason", typed, REASON_LENGTH))?;
    let write = async || {
        let mut tx = services.db.begin().await?;
        let report = close_within(&mut tx, services, actor, &key, &request, reason.clone()).await?;
        idempotency::remember(&mut tx, &key, &report, services.now()).await?;
        tx.commit().await?;
        Ok(report)
    };
    let written = write().await;
    idempotency::or_first(services, &key, written).await
}

async fn close_within(
    db: &mut PgConnection,
    services: &Services,
    actor: &Actor,
    key: &Key,
    request: &CloseTill,
    reason: Option<String>,
) -> Result<ShiftReport, Error> {
    let now = services.now();
    let shift = locked(db, actor, request.shift_id).await?;
    let counted = shift.counted.clone().ok_or(Error::conflict("not_counted"))?;
    let figures = report::figures(db, shift.id).await?;
    let expected = figures.expected(shift.float);
    let sum = counted.iter().map(|line| line.minor * line.count).sum::<i64>();
    let (variance, left) = (sum - expected, request.left_in_drawer_minor);
    if variance != request.variance_minor {
        return Err(Error::conflict("till_moved"));
    }
    if !(0..=sum).contains(&left) {
        return Err(Error::invalid("left_in_drawer_minor", "out_of_range"));
    }
    if variance != 0 && reason.is_none() {
        return Err(Error::invalid("reason", "required"));
    }
    let drawer = store::drawer(db, actor, Some(shift.till)).await?;
    let header =
        header(Kind::ShiftClosed, key, now, business_day(&drawer, now)?, &shift.currency, reason.clone());
    let mut posting = Posting::new(header);
    posting.entry(account::CASH, None, left - sum);
    posting.entry(account::SAFE, None, sum - left);
    posting.entry(account::CASH, None, variance);
    posting.entry(account::CASH_DIFFERENCE, None, -variance);
    posting.write(db, actor).await?;
    let money = |minor: i64| Money::new(minor, &shift.currency);
    let report = ShiftReport {
        closing: Some(Closing {
            closed_at: now,
            closed_by: store::name_of(db, actor.account()).await?,
            counted: counted_as(&shift.currency, counted),
            counted_amount: money(sum),
            variance: money(variance),
            variance_reason: reason.clone(),
            left_in_drawer: money(left),
            to_safe: money(sum - left),
        }),
        ..figures.report(&shift)
    };
    let stored = serde_json::to_value(&report).map_err(|error| Error::Internal(error.to_string()))?;
    let closed = ClosedShift {
        id: shift.id,
        at: now,
        by: actor.account(),
        counted: sum,
        expected,
        left,
        reason: reason.as_deref(),
        report: &stored,
    };
    store::close(db, closed).await?;
    audited(db, actor, now, "till.closed", shift.id, &report.closing).await?;
    Ok(report)
}

/// The other way round than [`lines`].
fn counted_as(currency: &str, lines: Vec<CountLine>) -> Counted {
    match lines[..] {
        [CountLine { minor, count: 1 }] if !denominations::of(currency).contains(&minor) => {
            Counted::Total(minor)
        }
        _ => Counted::Lines(lines),
    }
}

/// Shifts of some business days.
///
/// # Errors
/// [`Error::Invalid`] `out_of_range` in `until` when that is before `from` or more than a year after.
pub async fn list_shifts(services: &Services, actor: &Actor, request: ListShifts) -> Result<Shifts, Error> {
    actor.require(Permission::SeeMoney)?;
    let last = request.from.checked_add_days(Days::new(MOST_DAYS));
    if request.until < request.from || last.is_none_or(|last| request.until > last) {
        return Err(Error::invalid("until", "out_of_range"));
    }
    let mut db = services.db.acquire().await?;
    let rows = store::shifts(&mut db, actor.branch()?, request.from, request.until, request.till_id).await?;
    Ok(Shifts { rows })
}

/// The branch's drawers, and which desk uses which.
pub async fn list(services: &Services, actor: &Actor) -> Result<Tills, Error> {
    may_look(actor).or_else(|_| actor.require(Permission::EditSettings))?;
    let mut db = services.db.acquire().await?;
    all_tills(&mut db, actor.branch()?).await
}

/// Gives a desk another drawer; several desks may share one. The shift at the one before runs on until it is closed.
pub async fn set_desk_till(services: &Services, actor: &Actor, request: SetDeskTill) -> Result<Tills, Error> {
    actor.require(Permission::EditSettings)?;
    let now = services.now();
    let branch = actor.branch()?;
    let mut tx = services.db.begin().await?;
    let before = store::set_desk_till(&mut tx, branch, request.desk_id, request.till_id).await?;
    let change = Change {
        act: "desk.till_set",
        subject_kind: "desk",
        subject: Some(request.desk_id.0),
        before: Some(serde_json::json!({ "till": before })),
        after: Some(serde_json::json!({ "till": request.till_id })),
    };
    audit::record(&mut tx, actor, now, change).await?;
    let tills = all_tills(&mut tx, branch).await?;
    tx.commit().await?;
    Ok(tills)
}

/// Adds a drawer to the branch; which desks use it is set by [`set_desk_till`].
///
/// # Errors
/// [`Error::Invalid`] in `name`: `required`, `too_long`, `control_characters`, `taken`; in `id`: `id_taken`.
pub async fn create_till(services: &Services, actor: &Actor, request: CreateTill) -> Result<Tills, Error> {
    actor.require(Permission::EditSettings)?;
    let name = till_name(&request.name)?;
    let now = services.now();
    let branch = actor.branch()?;
    let mut tx = services.db.begin().await?;
    free_till_name(&mut tx, branch, request.id, &name).await?;
    if store::insert_till(&mut tx, branch, request.id, &name, now).await? {
        till_audited(&mut tx, actor, now, "till.created", request.id, None, &name).await?;
    }
    let tills = all_tills(&mut tx, branch).await?;
    if !tills.rows.iter().any(|till| till.id == request.id) {
        return Err(Error::invalid("id", "id_taken"));
    }
    tx.commit().await?;
    Ok(tills)
}

/// Gives a drawer another name; its number stays.
///
/// # Errors
/// As of [`create_till`] in `name`; [`Error::NotFound`] for a till of another branch.
pub async fn rename_till(services: &Services, actor: &Actor, request: RenameTill) -> Result<Tills, Error> {
    actor.require(Permission::EditSettings)?;
    let name = till_name(&request.name)?;
    let now = services.now();
    let branch = actor.branch()?;
    let mut tx = services.db.begin().await?;
    free_till_name(&mut tx, branch, request.till_id, &name).await?;
    let before = store::rename_till(&mut tx, branch, request.till_id, &name).await?;
    if before != name {
        till_audited(&mut tx, actor, now, "till.renamed", request.till_id, Some(&before), &name).await?;
    }
    let tills = all_tills(&mut tx, branch).await?;
    tx.commit().await?;
    Ok(tills)
}

fn till_name(typed: &str) -> Result<String, Error> {
    line("name", typed, NAME_LENGTH)?.ok_or(Error::invalid("name", "required"))
}

/// Two drawers of one name would be told apart on no receipt.
async fn free_till_name(
    db: &mut PgConnection,
    branch: BranchId,
    till: TillId,
    name: &str,
) -> Result<(), Error> {
    store::lock_tills(db, branch).await?;
    if store::is_till_name_taken(db, branch, till, name).await? {
        return Err(Error::invalid("name", "taken"));
    }
    Ok(())
}

async fn till_audited(
    db: &mut PgConnection,
    actor: &Actor,
    now: DateTime<Utc>,
    act: &str,
    till: TillId,
    before: Option<&str>,
    after: &str,
) -> Result<(), Error> {
    let change = Change {
        act,
        subject_kind: "till",
        subject: Some(till.0),
        before: before.map(|name| serde_json::json!({ "name": name })),
        after: Some(serde_json::json!({ "name": after })),
    };
    audit::record(db, actor, now, change).await
}

async fn all_tills(db: &mut PgConnection, branch: BranchId) -> Result<Tills, Error> {
    Ok(Tills { rows: store::tills(db, branch).await?, desks: store::desks(db, branch).await? })
}

async fn audited(
    db: &mut PgConnection,
    actor: &Actor,
    now: DateTime<Utc>,
    act: &str,
    shift: ShiftId,
    after: &impl Serialize,
) -> Result<(), Error> {
    let after = serde_json::to_value(after).map_err(|error| Error::Internal(error.to_string()))?;
    let change =
        Change { act, subject_kind: "shift", subject: Some(shift.0), before: None, after: Some(after) };
    audit::record(db, actor, now, change).await
}
