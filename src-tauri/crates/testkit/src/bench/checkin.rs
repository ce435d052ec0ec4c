//! The door: verdicts per second through the service, against the least that any engine would have to do on the
//! same Postgres, one indexed select and one insert with its commit, on as many connections.
//!
//! The gym has 100,000 members and 5,000,000 visits (`GATEHOUSE_BENCH_MEMBERS`, `GATEHOUSE_BENCH_VISITS` for a quick
//! look); half the members are on visit packs, a tenth have lapsed, two in a hundred are suspended. Members are
//! drawn at random. Ours and the floor take turns, so that both see the same machine. Afterwards the rows are
//! counted: every verdict must have its scan, every admission its entry, every entry on a pack its visit.
//!
//! The database is the embedded one, durable, kept below the target folder for the next run;
//! `GATEHOUSE_BENCH_DATABASE` names another, empty one (the owner's URL).

mod gym;

use crate::bench::figure::Figure;
use chrono::{DateTime, TimeDelta, Utc};
use gatehouse_core::actor::Actor;
use gatehouse_core::checkin::service::check_in;
use gatehouse_core::checkin::wire::{CheckIn, Source, Who};
use gatehouse_core::clock::Clock;
use gatehouse_core::db;
use gatehouse_core::demo::dice::Dice;
use gatehouse_core::ids::{ScanId, new_id};
use gatehouse_core::passes::payload::Payload;
use gatehouse_core::services::Services;
use gym::Gym;
use sqlx::{Connection as _, PgConnection};
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Desks at once, with the names of the rate and of the percentiles of its times.
const CASES: [(usize, &str, [(&str, usize); 3]); 3] = [
    (1, "1-desk", [("1-desk-p50", 50), ("1-desk-p95", 95), ("1-desk-p99", 99)]),
    (4, "4-desks", [("4-desks-p50", 50), ("4-desks-p95", 95), ("4-desks-p99", 99)]),
    (8, "8-desks", [("8-desks-p50", 50), ("8-desks-p95", 95), ("8-desks-p99", 99)]),
];
/// Turns that ours and the floor take in each case.
const TURNS: u32 = 4;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Measures and prints.
pub fn run() -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure())
}

async fn measure() -> Result<()> {
    let place = gym::Place::open().await?;
    let gym = Arc::new(Gym::open(&place).await?);
    let turn = Duration::from_millis(number("GATEHOUSE_BENCH_TURN_MS", 3000));
    let mut dice = Dice::new(number("GATEHOUSE_BENCH_SEED", 1));
    for (desks, case, percentiles) in CASES {
        let pool = db::connect(&place.app_url, u32::try_from(desks)?).await?;
        let services =
            Services { db: pool.clone(), clock: Arc::new(gym.clock.clone()), files: std::env::temp_dir() };
        let mut bare = Vec::new();
        for _ in 0..desks {
            bare.push(PgConnection::connect(&place.app_url).await?);
        }
        // Plans are chosen and pages read before anything is timed.
        ours(&services, &gym, desks, turn / 4, &mut dice).await?;
        floor(&mut bare, &gym, turn / 4, &mut dice).await?;
        let (mut own, mut least) = (Turn::default(), Turn::default());
        for _ in 0..TURNS {
            least.add(floor(&mut bare, &gym, turn, &mut dice).await?);
            own.add(ours(&services, &gym, desks, turn, &mut dice).await?);
        }
        let admitted = own.entered * 100 / own.count().max(1);
        let note = format!(
            "{} verdicts, {admitted} % admitted, all rows counted; floor: one indexed select, one insert, commit, on as \
             many connections",
            own.count(),
        );
        if admitted < 70 {
            return Err(format!("only {admitted} % were admitted in {case}").into());
        }
        Figure::against("checkin", case, "verdicts/s", own.rate(), least.rate()).noting(note).print()?;
        for (case, percent) in percentiles {
            let (value, reference) = (own.percentile(percent), least.percentile(percent));
            Figure::against("checkin", case, "ms", value, reference).print()?;
        }
        pool.close().await;
    }
    place.close().await
}

/// What one or several turns took.
#[derive(Default)]
struct Turn {
    /// One per answer.
    latencies: Vec<Duration>,
    elapsed: Duration,
    entered: usize,
}

impl Turn {
    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.elapsed += other.elapsed;
        self.entered += other.entered;
    }

    fn count(&self) -> usize {
        self.latencies.len()
    }

    /// Answers per second.
    #[expect(clippy::cast_precision_loss, reason = "a count of seconds' worth of answers")]
    fn rate(&self) -> f64 {
        self.count() as f64 / self.elapsed.as_secs_f64()
    }

    /// In milliseconds; the nearest rank.
    fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
        sorted.get(rank).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    }
}

/// Desks that scan for a while; the rows are counted afterwards.
async fn ours(
    services: &Services,
    gym: &Arc<Gym>,
    desks: usize,
    long: Duration,
    dice: &mut Dice,
) -> Result<Turn> {
    let before = gym.rows().await?;
    let started = Instant::now();
    let mut working = JoinSet::new();
    for desk in 0..desks {
        let (services, gym, mut dice) = (services.clone(), gym.clone(), Dice::new(dice.roll()));
        working.spawn(async move {
            let actor =
                Actor::System { branch: Some(gym.branch), desk: Some(gym.desks[desk % gym.desks.len()]) };
            let (mut latencies, mut entered, mut visits) = (Vec::new(), 0, 0);
            while started.elapsed() < long {
                let member = dice.below(gym.members);
                let code = Payload::card(gym::pass_number(member), &gym::secret(member)).encode();
                let request = CheckIn {
                    scan_id: ScanId::new(services.now()),
                    who: Who::Code(code),
                    source: Source::Webcam,
                };
                let asked = Instant::now();
                let verdict =
                    check_in(&services, &actor, request).await.map_err(|error| error.to_string())?;
                latencies.push(asked.elapsed());
                if verdict.entry_id.is_some() && !verdict.repeated {
                    entered += 1;
                    visits += u64::from(gym::is_on_pack(member));
                }
            }
            Ok::<_, String>((latencies, entered, visits))
        });
    }
    let (mut turn, mut visits) = (Turn::default(), 0);
    while let Some(done) = working.join_next().await {
        let (latencies, entered, used) = done??;
        turn.latencies.extend(latencies);
        turn.entered += entered;
        visits += used;
    }
    turn.elapsed = started.elapsed();
    let after = gym.rows().await?;
    let stored = after.since(&before);
    let expected = gym::Rows { scans: count(turn.count()), entries: count(turn.entered), visits };
    if stored != expected {
        return Err(format!("stored {stored:?}, answered {expected:?}").into());
    }
    Ok(turn)
}

/// The least an engine would do, on connections of its own: look something up by its key, store a row, commit.
async fn floor(
    bare: &mut Vec<PgConnection>,
    gym: &Arc<Gym>,
    long: Duration,
    dice: &mut Dice,
) -> Result<Turn> {
    let started = Instant::now();
    let mut working = JoinSet::new();
    for mut db in bare.drain(..) {
        let (gym, mut dice) = (gym.clone(), Dice::new(dice.roll()));
        working.spawn(async move {
            let mut latencies = Vec::new();
            while started.elapsed() < long {
                let number = gym::pass_number(dice.below(gym.members));
                let id = new_id(gym.clock.now());
                let asked = Instant::now();
                let member: uuid::Uuid =
                    sqlx::query_scalar("select member_id from passes where pass_id = $1")
                        .bind(number.as_slice())
                        .fetch_one(&mut db)
                        .await?;
                sqlx::query("insert into bench_floor (id, member_id, at) values ($1, $2, $3)")
                    .bind(id)
                    .bind(member)
                    .bind(gym.clock.now())
                    .execute(&mut db)
                    .await?;
                latencies.push(asked.elapsed());
            }
            Ok::<_, sqlx::Error>((latencies, db))
        });
    }
    let mut turn = Turn::default();
    while let Some(done) = working.join_next().await {
        let (latencies, db) = done??;
        turn.latencies.extend(latencies);
        bare.push(db);
    }
    turn.elapsed = started.elapsed();
    turn.entered = turn.count();
    Ok(turn)
}

/// Starts after everything that is stored and runs on with the machine.
#[derive(Clone)]
pub struct BenchClock {
    base: DateTime<Utc>,
    started: Instant,
}

impl Clock for BenchClock {
    fn now(&self) -> DateTime<Utc> {
        self.base + TimeDelta::from_std(self.started.elapsed()).unwrap_or_default()
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
