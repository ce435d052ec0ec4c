//! Reading all books through, against Postgres computing the same digests of the ledger and looking at no receipt.
use super::gym::Gym;
use crate::bench::figure::Figure;
use crate::bench::measure::Result;
use gatehouse_core::db;
use gatehouse_core::verify::verify;
use std::time::{Duration, Instant};

/// Turns of each; the slowest counts.
const TURNS: u32 = 3;

/// What `gatehousectl verify` takes for everything that is there.
pub async fn measure(gym: &Gym) -> Result<()> {
    let db = db::connect(&gym.app_url, 2).await?;
    let (mut own, mut reference) = (Duration::ZERO, Duration::ZERO);
    let mut note = String::new();
    for _ in 0..TURNS {
        let began = Instant::now();
        let broken: i64 = sqlx::query_scalar(DIGESTS).fetch_one(&db).await?;
        reference = reference.max(began.elapsed());
        let began = Instant::now();
        let verified = verify(&db).await?;
        own = own.max(began.elapsed());
        if broken > 0 || verified.broken.is_some() {
            return Err(format!("{broken} digests do not fit; {:?}", verified.broken).into());
        }
        if verified.entries < gym.history_entries {
            return Err(
                format!("of {} entries only {} were read", gym.history_entries, verified.entries).into()
            );
        }
        note = format!(
            "{} entries of {} transactions, {} receipts of {} tills, slowest of {TURNS}; reference: Postgres digests the ledger alone",
            verified.entries, verified.transactions, verified.receipts, verified.tills
        );
    }
    db.close().await;
    let (value, reference) = (own.as_secs_f64(), reference.as_secs_f64());
    Figure::against("money", "verify-1m", "s", value, reference).noting(note).print()?;
    Ok(())
}

const DIGESTS: &str = "select count(*) from (
    select t.digest, sha256(convert_to(
        t.id || '|' || t.kind || '|' || (extract(epoch from t.at) * 1000000)::bigint || '|' || t.business_day || '|'
        || coalesce(t.reverses_id::text, '') || E'\\n'
        || string_agg(e.account || '|' || coalesce(e.member_id::text, '') || '|' || e.amount || '|' || e.currency || E'\\n', '' order by e.id),
        'UTF8')) as computed
    from ledger_transactions t join ledger_entries e on e.transaction_id = t.id
    group by t.id) as digests where digest <> computed";
