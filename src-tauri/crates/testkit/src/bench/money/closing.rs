//! Closing a till after a long shift, against the least question about its drawer.
use super::gym::{Gym, PRICE};
use super::services;
use crate::bench::figure::Figure;
use crate::bench::measure::Result;
use gatehouse_core::actor::Actor;
use gatehouse_core::db;
use gatehouse_core::ids::new_id;
use gatehouse_core::till::service::{close, count, shift_report};
use gatehouse_core::till::wire::{ChooseShift, CloseTill, CountTill, Counted, ShiftReport};
use std::time::{Duration, Instant};

/// Sales of a shift, each with one payment.
const ROWS: i64 = 2_000;
/// Shifts; the slowest counts.
const SHIFTS: u32 = 5;
const LEAST: &str =
    "select method, count(*), sum(amount)::bigint from payments where shift_id = $1 group by method";

/// What the Z report takes, and the X report before it.
pub async fn measure(gym: &Gym) -> Result<()> {
    let services = services(gym, db::connect(&gym.app_url, 2).await?);
    let actor = Actor::System { branch: Some(gym.branch), desk: gym.desks.last().copied() };
    let (mut x, mut z, mut least) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for _ in 0..SHIFTS {
        let shift_id = gym.shift(ROWS).await?;
        let began = Instant::now();
        sqlx::query(LEAST).bind(shift_id).fetch_all(&services.db).await?;
        least = least.max(began.elapsed());
        let began = Instant::now();
        let running = shift_report(&services, &actor, ChooseShift { shift_id }).await?;
        x = x.max(began.elapsed());
        let counted = Counted::Total(running.expected.minor);
        let counted = count(&services, &actor, CountTill { shift_id, counted }).await?;
        let request = CloseTill {
            idempotency_key: new_id(services.now()),
            shift_id,
            variance_minor: counted.variance.minor,
            left_in_drawer_minor: 0,
            reason: None,
        };
        let began = Instant::now();
        let closed = close(&services, &actor, request).await?;
        z = z.max(began.elapsed());
        if [&running, &closed].into_iter().any(|report| !is_whole(report)) {
            return Err(format!("{ROWS} sales, and the report says {closed:?}").into());
        }
    }
    services.db.close().await;
    let note = format!("{ROWS} sales, slowest of {SHIFTS}; reference: their payments added up by method");
    for (case, value) in [("z-report", z), ("x-report", x)] {
        let (value, least) = (value.as_secs_f64() * 1000.0, least.as_secs_f64() * 1000.0);
        Figure::against("money", case, "ms", value, least).noting(note.clone()).print()?;
    }
    Ok(())
}

fn is_whole(report: &ShiftReport) -> bool {
    let paid: i64 = report.payments.iter().map(|total| total.amount.minor).sum();
    (report.sales.count, report.sales.amount.minor, paid) == (ROWS, ROWS * PRICE, ROWS * PRICE)
}
