//! Branch and headquarters: how long a long outage's queue takes, and what the desk notices of it, which should be nothing.
//!
//! The queue comes from the product's own services: mixed operations of a desk, as the soak of branches draws them, until
//! there are 100,000 events (`GATEHOUSE_BENCH_EVENTS` for a quick look). Headquarters is a plain Postgres that is reached
//! over TLS with its certificate verified. Afterwards the rows at both ends are counted.
mod place;

use super::figure::Figure;
use super::measure::{Result, Turn, number};
use chrono::TimeDelta;
use gatehouse_core::checkin::service::check_in;
use gatehouse_core::checkin::wire::{CheckIn, Source, Who};
use gatehouse_core::demo::dice::Dice;
use gatehouse_core::ids::{MemberId, ScanId};
use gatehouse_core::sync::keep::keep_in_step;
use gatehouse_core::sync::model::Limits;
use gatehouse_core::sync::relay::round;
use place::Place;
use sqlx::postgres::{PgConnectOptions, PgPoolCopyExt as _};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

const AREA: &str = "sync";
/// Times that the queue is drained, and copied.
const DRAINS: usize = 3;
/// Alternating turns of the desk with and without.
const TURNS: usize = 5;

/// Measures and prints.
pub fn run() -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure())
}

async fn measure() -> Result<()> {
    let events = i64::try_from(number("GATEHOUSE_BENCH_EVENTS", 100_000))?;
    let turn = Duration::from_millis(number("GATEHOUSE_BENCH_TURN_MS", 3000));
    let place = Place::open(events).await?;
    drain(&place, events).await?;
    desk_while_draining(&place, turn).await?;
    desk_network_gone(&place, turn).await?;
    place.close().await
}

/// The queue over TLS, against a plain `copy` of the same rows through such a connection and an insert-on-conflict.
async fn drain(place: &Place, events: i64) -> Result<()> {
    let (mut ours, mut copies, mut rounds) = (Vec::new(), Vec::new(), Vec::new());
    let rows = place.queue_as_text().await?;
    for number in 0..DRAINS {
        copies.push(copied(place, &rows).await?.as_secs_f64());
        let hq = place.fresh_headquarters(number).await?;
        place.requeue().await?;
        let mut line = PgConnection::connect_with(&hq).await?;
        let began = Instant::now();
        let done = round(&place.services, &mut line, Limits::default()).await?;
        ours.push(began.elapsed().as_secs_f64());
        if i64::try_from(done.sent)? != place.queued || done.quarantined + done.put_off > 0 {
            return Err(format!("of {} events: {done:?}", place.queued).into());
        }
        place.counted(number).await?;
        rounds.push(done);
        line.close().await?;
    }
    let (value, reference) = (median(&mut ours), median(&mut copies));
    Figure::against(AREA, "drain-100k", "s", value, reference)
        .noting(format!(
            "{} events ({events} asked for), median of {DRAINS}; reference: copy of the same rows over TLS into a staging table, insert on conflict do nothing into a table with a key",
            place.queued
        ))
        .print()?;
    Ok(())
}

async fn copied(place: &Place, rows: &[u8]) -> Result<Duration> {
    let pool = sqlx::PgPool::connect_with(place.scratch().await?).await?;
    let began = Instant::now();
    let mut copy = pool.copy_in_raw("copy staging from stdin (format csv)").await?;
    for chunk in rows.chunks(64 * 1024) {
        copy.send(chunk).await?;
    }
    copy.finish().await?;
    let mut db = pool.acquire().await?;
    db.execute("insert into target select * from staging on conflict do nothing").await?;
    let took = began.elapsed();
    drop(db);
    pool.close().await;
    Ok(took)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Verdicts one after the other for a while.
async fn at_the_door(place: &Place, long: Duration, dice: &mut Dice) -> Result<Turn> {
    let mut turn = Turn::default();
    let began = Instant::now();
    while began.elapsed() < long {
        let request = CheckIn {
            scan_id: ScanId::new(place.services.clock.now()),
            who: Who::Member(MemberId(*dice.pick(&place.members))),
            source: Source::Search,
        };
        let asked = Instant::now();
        check_in(&place.services, &place.actor, request).await?;
        turn.latencies.push(asked.elapsed());
        // Nobody is back at once; and a desk is no loop.
        place.clock.advance(TimeDelta::minutes(3));
        sleep(Duration::from_millis(5)).await;
    }
    turn.elapsed = began.elapsed();
    Ok(turn)
}

async fn desk_while_draining(place: &Place, long: Duration) -> Result<()> {
    let mut dice = Dice::new(1);
    let (mut idle, mut draining) = (Vec::new(), Vec::new());
    at_the_door(place, long / 4, &mut dice).await?;
    let (mut first, mut still) = (DRAINS, 0);
    for _ in 0..TURNS {
        idle.push(at_the_door(place, long, &mut dice).await?.percentile(95));
        let hq = place.fresh_headquarters(first).await?;
        first += 1;
        place.requeue().await?;
        let services = place.services.clone();
        let relay: JoinHandle<()> = tokio::spawn(async move {
            if let Ok(mut line) = PgConnection::connect_with(&hq).await
                && let Err(error) = round(&services, &mut line, Limits::default()).await
            {
                eprintln!("the drain stopped: {error}");
            }
        });
        draining.push(at_the_door(place, long, &mut dice).await?.percentile(95));
        still += usize::from(!relay.is_finished());
        relay.abort();
        let _aborted = relay.await;
    }
    let note = format!(
        "check-in p95, median of {TURNS} alternating turns; the queue lasted longer than the turn in {still}"
    );
    Figure::against(AREA, "desk-while-draining", "ms", median(&mut draining), median(&mut idle))
        .noting(note)
        .print()?;
    Ok(())
}

/// A headquarters that is not to be had, and how.
const GONE: [(&str, &str); 5] = [
    ("cut", "desk-network-gone-cut"),
    ("latency", "desk-network-gone-latency-2s"),
    ("hole", "desk-network-gone-black-hole"),
    ("dns", "desk-network-gone-dns"),
    ("expired", "desk-network-gone-tls-expired"),
];

async fn desk_network_gone(place: &Place, long: Duration) -> Result<()> {
    let mut dice = Dice::new(2);
    place.requeue().await?;
    let slow = Way::open(place.port(), Some(Duration::from_secs(2))).await?;
    let hole = Way::open(place.port(), None).await?;
    at_the_door(place, long / 4, &mut dice).await?;
    let mut without = Vec::new();
    let mut with: Vec<Vec<f64>> = vec![Vec::new(); GONE.len()];
    for _ in 0..TURNS {
        without.push(at_the_door(place, long, &mut dice).await?.percentile(95));
        for (number, (kind, _)) in GONE.into_iter().enumerate() {
            let url = match kind {
                "cut" => place.url("localhost", closed_port().await?),
                "latency" => place.url("localhost", slow.port),
                "hole" => place.url("localhost", hole.port),
                "dns" => place.url("headquarters.invalid", place.port()),
                _ => {
                    place.expire(true).await;
                    place.url("localhost", place.port())
                }
            };
            let kept = tokio::spawn(keep_in_step(place.services.clone(), url));
            // It has met the trouble.
            sleep(Duration::from_millis(300)).await;
            with[number].push(at_the_door(place, long, &mut dice).await?.percentile(95));
            kept.abort();
            let _aborted = kept.await;
            if kind == "expired" {
                place.expire(false).await;
            }
        }
    }
    let reference = median(&mut without);
    for ((kind, case), values) in GONE.into_iter().zip(&mut with) {
        let note = format!(
            "check-in p95 with a relay whose headquarters is gone ({kind}), against no relay; median of {TURNS} alternating turns"
        );
        Figure::against(AREA, case, "ms", median(values), reference).noting(note).print()?;
    }
    Ok(())
}

async fn closed_port() -> io::Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr().map(|address| address.port())
}

/// A way that is slow, or that swallows everything.
struct Way {
    port: u16,
    accepting: JoinHandle<()>,
}

impl Way {
    async fn open(to: u16, latency: Option<Duration>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    // However it ends, both ends notice.
                    let _end = match latency {
                        Some(latency) => carry(client, to, latency).await,
                        None => swallow(client).await,
                    };
                });
            }
        });
        Ok(Self { port, accepting })
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn swallow(mut client: TcpStream) -> io::Result<()> {
    let mut nothing = [0; 4096];
    while client.read(&mut nothing).await? > 0 {}
    Ok(())
}

async fn carry(mut client: TcpStream, to: u16, latency: Duration) -> io::Result<()> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await?;
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let length = read?;
                if length == 0 {
                    return Ok(());
                }
                sleep(latency / 2).await;
                server.write_all(&up[..length]).await?;
            }
            read = server.read(&mut down) => {
                let length = read?;
                if length == 0 {
                    return Ok(());
                }
                sleep(latency / 2).await;
                client.write_all(&down[..length]).await?;
            }
        }
    }
}

/// A statement whose text is ours.
async fn run_on(options: &PgConnectOptions, statement: String) -> Result<()> {
    let mut db = PgConnection::connect_with(options).await?;
    db.execute(AssertSqlSafe(statement)).await?;
    db.close().await?;
    Ok(())
}
