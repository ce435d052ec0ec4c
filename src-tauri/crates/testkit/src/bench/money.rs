//! Money: what a sale costs against the least that any engine would have to do, and what it costs to look back at
//! many of them.
//!
//! The gym has 20,000 members and 200,000 sales, which are 1,000,000 rows of the ledger, with receipts in chains
//! (`GATEHOUSE_BENCH_SALES` for a quick look). Half of what is sold is new, half is renewed; two of three are paid in
//! cash, one by card. A sale is a charge, a payment and a receipt; what is paid in two ways has a case of its own.
//! Members are drawn at random, every desk has its own till. Ours and the floor take turns, so that both see the same
//! machine. Afterwards the rows are counted: every sale must have its receipt and its payments.
//!
//! The database is the embedded one, durable, kept below the target folder for the next run.
mod books;
mod closing;
mod gym;

use super::figure::Figure;
use super::floor::Floor;
use super::measure::{Result, Turn, count, number};
use super::stage::Stage;
use gatehouse_core::actor::Actor;
use gatehouse_core::db;
use gatehouse_core::demo::dice::Dice;
use gatehouse_core::ids::new_id;
use gatehouse_core::money::Money;
use gatehouse_core::payments::wire::{Method, Payment};
use gatehouse_core::sales::service::sell;
use gatehouse_core::sales::wire::{Basket, Line, Sell};
use gatehouse_core::sealed::KeyFile;
use gatehouse_core::services::Services;
use gym::{Gym, PRICE};
use sqlx::PgPool;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Desks at once, payments of each sale, and the names of the percentiles of their times.
const CASES: [(usize, usize, [(&str, usize); 2]); 3] = [
    (1, 1, [("sale-p50", 50), ("sale-p95", 95)]),
    (1, 2, [("split-sale-p50", 50), ("split-sale-p95", 95)]),
    (4, 1, [("sale-4-desks-p50", 50), ("sale-4-desks-p95", 95)]),
];
/// Connections of the services: as many as a host has.
const CONNECTIONS: u32 = 12;
/// Turns that ours and the floor take in each case.
const TURNS: u32 = 4;

/// Measures and prints.
pub fn run() -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure())
}

async fn measure() -> Result<()> {
    let stage = Stage::open("money").await?;
    let gym = Arc::new(Gym::open(&stage).await?);
    sales(&gym).await?;
    closing::measure(&gym).await?;
    books::measure(&gym).await?;
    drop(gym);
    stage.close().await
}

fn services(gym: &Gym, db: PgPool) -> Services {
    let keys = KeyFile::at(std::env::temp_dir().join("gatehouse-secrets.key"));
    Services::new(db, Arc::new(gym.clock.clone()), std::env::temp_dir(), keys)
}

async fn sales(gym: &Arc<Gym>) -> Result<()> {
    let turn = Duration::from_millis(number("GATEHOUSE_BENCH_TURN_MS", 3000));
    let mut dice = Dice::new(number("GATEHOUSE_BENCH_SEED", 1));
    for (desks, ways, percentiles) in CASES {
        let services = services(gym, db::connect(&gym.app_url, CONNECTIONS).await?);
        let mut floor = Floor::open(&gym.app_url, desks, count(gym.members.len()), gym.clock.clone()).await?;
        // Plans are chosen and pages read before anything is timed.
        ours(&services, gym, (desks, ways), turn / 4, &mut dice).await?;
        floor.turn(turn / 4, &mut dice).await?;
        let (mut own, mut least) = (Turn::default(), Turn::default());
        for _ in 0..TURNS {
            least.add(floor.turn(turn, &mut dice).await?);
            own.add(ours(&services, gym, (desks, ways), turn, &mut dice).await?);
        }
        for (case, percent) in percentiles {
            let (value, reference) = (own.percentile(percent), least.percentile(percent));
            let note = format!(
                "{} sales on {desks} desks, {ways} payments each, all rows counted, {:.0} a second; floor: one indexed select, one insert, \
                 commit, on as many connections",
                own.count(),
                own.rate(),
            );
            Figure::against("money", case, "ms", value, reference).noting(note).print()?;
        }
        services.db.close().await;
    }
    Ok(())
}

/// Desks that sell for a while; the rows are counted afterwards.
async fn ours(
    services: &Services,
    gym: &Arc<Gym>,
    (desks, ways): (usize, usize),
    long: Duration,
    dice: &mut Dice,
) -> Result<Turn> {
    let before = gym.rows().await?;
    let started = Instant::now();
    let mut working = JoinSet::new();
    for desk in 0..desks {
        let (services, gym, mut dice) = (services.clone(), gym.clone(), Dice::new(dice.roll()));
        working.spawn(async move {
            let actor = Actor::System { branch: Some(gym.branch), desk: Some(gym.desks[desk]) };
            let (mut latencies, mut payments) = (Vec::new(), 0);
            while started.elapsed() < long {
                let request = sale(&services, &gym, (desk, desks, ways), &mut dice);
                payments += count(request.payments.len());
                let asked = Instant::now();
                sell(&services, &actor, request).await.map_err(|error| error.to_string())?;
                latencies.push(asked.elapsed());
            }
            Ok::<_, String>((latencies, payments))
        });
    }
    let (mut turn, mut payments) = (Turn::default(), 0);
    while let Some(done) = working.join_next().await {
        let (latencies, paid) = done??;
        turn.latencies.extend(latencies);
        payments += paid;
    }
    turn.elapsed = started.elapsed();
    let stored = gym.rows().await?.since(&before);
    let sales = count(turn.count());
    let expected = gym::Rows { transactions: sales, receipts: sales, payments };
    if stored != expected {
        return Err(format!("stored {stored:?}, answered {expected:?}").into());
    }
    Ok(turn)
}

/// Each desk renews subscriptions of its own: of two at one, the second would be told that it has changed.
fn sale(services: &Services, gym: &Gym, (desk, desks, ways): (usize, usize, usize), dice: &mut Dice) -> Sell {
    let basket = if dice.below(2) == 0 {
        Basket::of(*dice.pick(&gym.members), Line::New { plan_id: gym.plan, starts_on: None })
    } else {
        let share = gym.subscriptions.len() / desks;
        let subscription_id = *dice.pick(&gym.subscriptions[desk * share..(desk + 1) * share]);
        Basket { member_id: None, lines: vec![Line::Renew { subscription_id, from_old_end: false }] }
    };
    let payments = match (ways, dice.below(3)) {
        (2, _) => vec![paid(Method::Cash, 20_000), paid(Method::CardTerminal, PRICE - 20_000)],
        (_, 0) => vec![paid(Method::CardTerminal, PRICE)],
        _ => vec![paid(Method::Cash, PRICE)],
    };
    Sell {
        idempotency_key: new_id(services.now()),
        basket,
        expected_total: egp(PRICE),
        expected_starts_on: None,
        credit_minor: 0,
        payments,
        owe_until: None,
    }
}

fn paid(method: Method, minor: i64) -> Payment {
    let reference = (method == Method::CardTerminal).then(|| "004217".to_owned());
    Payment { method, amount: egp(minor), tendered: None, reference }
}

fn egp(minor: i64) -> Money {
    Money::new(minor, "EGP")
}
