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

use super::figure::Figure;
use super::floor::Floor;
use super::measure::{Result, Turn, count, number};
use super::people;
use gatehouse_core::actor::Actor;
use gatehouse_core::checkin::service::check_in;
use gatehouse_core::checkin::wire::{CheckIn, Source, Who};
use gatehouse_core::db;
use gatehouse_core::demo::dice::Dice;
use gatehouse_core::ids::ScanId;
use gatehouse_core::passes::payload::Payload;
use gatehouse_core::sealed::KeyFile;
use gatehouse_core::services::Services;
use gym::Gym;
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
        let keys = KeyFile::at(std::env::temp_dir().join("gatehouse-secrets.key"));
        let services = Services::new(pool.clone(), Arc::new(gym.clock.clone()), std::env::temp_dir(), keys);
        let mut floor = Floor::open(&place.app_url, desks, gym.members, gym.clock.clone()).await?;
        // Plans are chosen and pages read before anything is timed.
        ours(&services, &gym, desks, turn / 4, &mut dice).await?;
        floor.turn(turn / 4, &mut dice).await?;
        let (mut own, mut least, mut entered) = (Turn::default(), Turn::default(), 0);
        for _ in 0..TURNS {
            least.add(floor.turn(turn, &mut dice).await?);
            let (turn, entries) = ours(&services, &gym, desks, turn, &mut dice).await?;
            own.add(turn);
            entered += entries;
        }
        let admitted = entered * 100 / own.count().max(1);
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

/// Desks that scan for a while, and how many they let in; the rows are counted afterwards.
async fn ours(
    services: &Services,
    gym: &Arc<Gym>,
    desks: usize,
    long: Duration,
    dice: &mut Dice,
) -> Result<(Turn, usize)> {
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
                let code = Payload::card(people::pass_number(member), &people::secret(member)).encode();
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
    let (mut turn, mut entered, mut visits) = (Turn::default(), 0, 0);
    while let Some(done) = working.join_next().await {
        let (latencies, entries, used) = done??;
        turn.latencies.extend(latencies);
        entered += entries;
        visits += used;
    }
    turn.elapsed = started.elapsed();
    let after = gym.rows().await?;
    let stored = after.since(&before);
    let expected = gym::Rows { scans: count(turn.count()), entries: count(entered), visits };
    if stored != expected {
        return Err(format!("stored {stored:?}, answered {expected:?}").into());
    }
    Ok((turn, entered))
}
