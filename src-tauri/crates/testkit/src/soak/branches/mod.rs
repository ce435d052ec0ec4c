//! The suite of branches: a headquarters and three branches, a Postgres each, that work while their lines, servers,
//! relays and clocks fail, and are compared when everything stands still.
//!
//! Everything is drawn from the seed before it happens ([`script`]); lines are cut by a proxy ([`line`]); the relay of
//! each branch is a process of its own ([`relay`]), so that it can be killed. Branches work through the product's services
//! ([`desk`]). What is stored afterwards is judged by SQL of its own ([`judge`]).

pub mod desk;
pub mod judge;
pub mod line;
mod node;
pub mod relay;
pub mod script;
#[cfg(test)]
mod tests;

use crate::FakeClock;
use crate::house::{House, Offer};
use crate::soak::driver::Folder;
use chrono::{NaiveDate, TimeDelta};
use desk::{Ack, Desk, own_field};
use gatehouse_core::actor::Actor;
use gatehouse_core::clock::{Clock as _, SystemClock};
use gatehouse_core::db;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{BranchId, DeskId, PlanId, new_id};
use gatehouse_core::sealed::KeyFile;
use gatehouse_core::services::Services;
use gatehouse_core::sync::model::Limits;
use gatehouse_core::sync::store;
use gatehouse_pg::{APP_ROLE, Config, Durability, Server};
use judge::{Case, Forfeited, Found, Told, Witness};
use line::{Line, Sky};
use node::Node;
use relay::{Keeper, Order};
use script::{BRANCHES, Injury, Op, STEP, Script};
use serde::Serialize;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinSet;
use tokio::time::sleep;
use uuid::Uuid;

/// As `--suite` takes it.
pub const NAME: &str = "branches";

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Passes over all branches until nothing moves any more.
const PASSES: usize = 12;
/// Between two looks at whether a database has recovered.
const LOOK: Duration = Duration::from_millis(20);
/// How long that may take at most: so long, and so much more for every operation.
const RECOVERY: (Duration, Duration) = (Duration::from_secs(100), Duration::from_millis(60));
/// One operation in so many, at least, is done: with fewer, a run proves little.
const DONE_IN: u64 = 2;

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// Of each branch.
    pub ops: u64,
    /// A kill takes nothing from the disk either way; a power cut is not played.
    pub durability: Durability,
    /// The program that plays the relay when it is called with `--relay`.
    pub relay: PathBuf,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub suite: &'static str,
    pub seed: u64,
    /// Of each branch.
    pub ops: u64,
    /// The same for the same seed.
    pub operations: String,
    pub faults: String,
    /// Operations that were answered as done, and that the services refused or that had nothing to do.
    pub done: u64,
    pub refused: u64,
    /// Had to wait until a restored branch had got its own rows back.
    pub waited: u64,
    /// Answered as something that should not happen.
    pub failed: u64,
    pub killed: Killed,
    /// Lines that the proxy ended; rounds that ended well and that a cut ended.
    pub lines_cut: u64,
    pub rounds: u64,
    pub rounds_cut: u64,
    /// Events that headquarters has, fields that two had changed.
    pub events: i64,
    pub conflicts: i64,
    /// Days whose audit did not agree at first, although nothing was missing.
    pub audits_differed: u64,
    /// Rows that headquarters had lost with its restore and took back, and that did not fit any more.
    pub taken_back: u64,
    pub let_go: u64,
    #[serde(flatten)]
    pub found: Found,
    pub seconds: u64,
}

impl Report {
    pub fn is_clean(&self) -> bool {
        self.found.is_clean() && self.failed == 0
    }
}

/// How often.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Killed {
    pub branch: u64,
    pub headquarters: u64,
    pub relay: u64,
    pub restored: u64,
}

/// A stopped server with a migrated, empty database, which is copied for every node of every run.
pub struct Mould {
    folder: Folder,
    durability: Durability,
}

impl Mould {
    pub async fn make(durability: Durability) -> Result<Self, Failure> {
        let folder = Folder::create()?;
        let server = Server::start(&Config { durability, ..Config::new(folder.path.join("node")) }).await?;
        db::migrate(&server.owner_url().expose(), Some(APP_ROLE)).await?;
        // Without fsync a commit is not waited for either, and what the server has in its own memory goes with a kill.
        let setting = format!("alter database {} set synchronous_commit = on", gatehouse_pg::DATABASE);
        PgConnection::connect(&server.owner_url().expose()).await?.execute(AssertSqlSafe(setting)).await?;
        server.stop().await?;
        Ok(Self { folder, durability })
    }

    async fn cast(&self, to: &Path) -> Result<Node, Failure> {
        let copied = tokio::process::Command::new("cp")
            .arg("-a")
            .args([&self.folder.path.join("node"), to])
            .status()
            .await?;
        if !copied.success() {
            return Err(format!("a node cannot be copied: {copied}").into());
        }
        Node::open(to, self.durability).await
    }
}

/// A branch with its way to headquarters.
struct Site {
    number: usize,
    node: Node,
    line: Line,
    relay: Keeper,
    clock: FakeClock,
    branch: BranchId,
    desk: DeskId,
    backup: PathBuf,
}

struct House3 {
    script: Script,
    hq: Node,
    hq_backup: PathBuf,
    sites: Vec<Site>,
    plans: Vec<PlanId>,
    /// One restore at a time, until whoever else has it has sent again what is gone with it: what only two databases had that
    /// are both put back is gone by definition, and nobody could count it.
    restoring: Arc<Mutex<()>>,
    taken_back: AtomicU64,
    let_go: AtomicU64,
}

/// What somebody did.
#[derive(Default)]
struct Played {
    told: Told,
    /// Headquarters' desk, which the first branch's player plays too.
    hq_told: Told,
    done: u64,
    refused: u64,
    waited: u64,
    failed: u64,
    killed: Killed,
    forfeited: Forfeited,
    hq_restored: bool,
}

/// Runs it; the folder stays when anything is wrong.
pub async fn run(plan: &Plan, mould: &Mould) -> Result<Report, Failure> {
    let folder = Folder::create()?;
    let report = run_in(plan, mould, &folder.path).await;
    if !report.as_ref().is_ok_and(Report::is_clean) {
        eprintln!("seed {}: databases and logs are kept in {}", plan.seed, folder.keep().display());
        if let Err(error) = &report {
            eprintln!("seed {}: {error}", plan.seed);
        }
        eprintln!("faults: {}", serde_json::to_string(&Script::draw(plan.seed, plan.ops).faults)?);
    }
    report
}

async fn run_in(plan: &Plan, mould: &Mould, folder: &Path) -> Result<Report, Failure> {
    let started = Instant::now();
    let house = Arc::new(House3::open(plan, mould, folder).await?);
    let mut playing = JoinSet::new();
    for number in 0..BRANCHES {
        playing.spawn(play(house.clone(), number));
    }
    let mut played = Vec::new();
    while let Some(one) = playing.join_next().await {
        played.push(one??);
    }
    played.sort_by(|one, other| one.told.desk.cmp(&other.told.desk));
    house.settle().await?;
    let audits_differed = house.audit().await?;
    house.settle().await?;
    let report = house.report(plan, played, audits_differed, started).await;
    for site in &house.sites {
        site.node.close().await?;
    }
    house.hq.close().await?;
    report
}

impl House3 {
    async fn open(plan: &Plan, mould: &Mould, folder: &Path) -> Result<Self, Failure> {
        let script = Script::draw(plan.seed, plan.ops);
        let base = script::base();
        let hq = mould.cast(&folder.join("headquarters")).await?;
        let mut db = PgConnection::connect(&hq.owner_url).await?;
        let (first, plans) = found_gym(&mut db, &script).await?;
        let mut admin = PgConnection::connect(&hq.admin_url().await?).await?;
        // The relays log in again and again; a password that nobody has to guess need not be slow.
        admin.execute("set scram_iterations = 1").await?;
        let mut sites = Vec::new();
        for number in 0..BRANCHES {
            let branch = if number == 0 { first } else { another(&mut db, number).await? };
            let role = format!("branch{number}");
            admin.execute(AssertSqlSafe(format!("create role {role} login password 'of a soak'"))).await?;
            let grant = format!("grant connect on database {} to {role}", gatehouse_pg::DATABASE);
            admin.execute(AssertSqlSafe(grant)).await?;
            store::enrol(&mut db, branch, &role, false).await?;
            let node = mould.cast(&folder.join(format!("branch{number}"))).await?;
            let mut own = PgConnection::connect(&node.owner_url).await?;
            store::join(&mut own, branch, new_id(base), false).await?;
            let line = Line::open(hq.socket.clone(), plan.seed, number).await?;
            let order = Order {
                branch: node.app_url.clone(),
                headquarters: format!(
                    "postgres://{role}:of%20a%20soak@127.0.0.1:{}/{}?sslmode=disable",
                    line.port,
                    gatehouse_pg::DATABASE
                ),
                log: folder.join(format!("relay{number}.log")),
                seed: plan.seed.wrapping_add(u64::try_from(number)?),
                most: i64::try_from(plan.ops / 10)?.clamp(60, 1000),
                now: base.to_rfc3339(),
            };
            let relay = Keeper::new(plan.relay.clone(), order);
            relay.round(node.app.clone(), Limits::default()).await?;
            let desk = DeskId::new(base);
            sqlx::query("insert into desks (id, branch_id, name, created_at) values ($1, $2, '1', $3)")
                .bind(desk)
                .bind(branch)
                .bind(base)
                .execute(&mut own)
                .await?;
            sites.push(Site {
                number,
                node,
                line,
                relay,
                clock: FakeClock::at(&base.to_rfc3339()),
                branch,
                desk,
                backup: folder.join(format!("backup{number}")),
            });
        }
        for site in &sites {
            site.line.under(Sky::Stormy);
            site.relay.start().await?;
        }
        Ok(Self {
            script,
            hq,
            hq_backup: folder.join("backup"),
            sites,
            plans,
            restoring: Arc::default(),
            taken_back: AtomicU64::default(),
            let_go: AtomicU64::default(),
        })
    }

    fn desk_of(&self, db: PgPool, clock: &FakeClock, actor: Actor, name: String) -> Desk {
        let keys = KeyFile::at(std::env::temp_dir().join("no.key"));
        let services = Services::new(db, Arc::new(clock.clone()), std::env::temp_dir(), keys);
        Desk { services, actor, name, plans: self.plans.clone(), last_sale: None }
    }

    /// Everything is brought back and nothing goes wrong any more; rounds until nothing moves.
    async fn settle(&self) -> Result<(), Failure> {
        self.hq.ensure().await?;
        for site in &self.sites {
            site.relay.kill().await?;
            site.node.ensure().await?;
            site.line.under(Sky::Calm);
        }
        for _ in 0..PASSES {
            let mut moved = 0;
            for site in &self.sites {
                let round = site.relay.round(site.node.app.clone(), Limits::default()).await?;
                moved += round.sent + round.read + round.put_off + round.quarantined + round.taken_back;
            }
            if moved == 0 {
                return Ok(());
            }
        }
        Err(format!("after {PASSES} passes something still moves").into())
    }

    /// Of every day, at every branch. How many did not agree: these were queued again.
    async fn audit(&self) -> Result<u64, Failure> {
        let mut differed = 0;
        for site in &self.sites {
            let days: Vec<NaiveDate> =
                sqlx::query_scalar("select distinct (at at time zone 'UTC')::date from sync_outbox")
                    .fetch_all(&site.node.owner)
                    .await?;
            let mut local = site.node.app.acquire().await?;
            let mut hq = PgConnection::connect(site.relay.headquarters()).await?;
            for day in days {
                if !store::audit(&mut local, &mut hq, day).await? {
                    differed += 1;
                    eprintln!("the audit of branch {} and {day} differs", site.number);
                }
            }
        }
        Ok(differed)
    }

    async fn report(
        &self,
        plan: &Plan,
        played: Vec<Played>,
        audits_differed: u64,
        started: Instant,
    ) -> Result<Report, Failure> {
        let mut killed = Killed::default();
        let (mut done, mut refused, mut waited, mut failed) = (0, 0, 0, 0);
        for one in &played {
            done += one.done;
            refused += one.refused;
            waited += one.waited;
            failed += one.failed;
            killed.branch += one.killed.branch;
            killed.headquarters += one.killed.headquarters;
            killed.relay += one.killed.relay;
            killed.restored += one.killed.restored;
        }
        let (mut rounds, mut rounds_cut) = (0, 0);
        for site in &self.sites {
            for line in site.relay.lines()? {
                rounds += u64::from(!line.cut && line.failed.is_none());
                rounds_cut += u64::from(line.cut);
                if let Some(why) = line.failed {
                    eprintln!("a round of branch {} failed: {why}", site.number);
                    failed += 1;
                }
            }
        }
        if done * DONE_IN < plan.ops * 3 {
            return Err(format!("only {done} operations were done").into());
        }
        let case = Case {
            hq: &self.hq.owner,
            hq_desk: played[0].hq_told.clone(),
            hq_restored: played[0].hq_restored,
            branches: self
                .sites
                .iter()
                .zip(&played)
                .map(|(site, played)| Witness {
                    db: &site.node.owner,
                    told: played.told.clone(),
                    forfeited: played.forfeited.clone(),
                })
                .collect(),
            asked: asked(&self.script),
        };
        let found = judge::judge(&case).await?;
        Ok(Report {
            suite: NAME,
            seed: plan.seed,
            ops: plan.ops,
            operations: self.script.digest_of_operations(),
            faults: self.script.digest_of_faults(),
            done,
            refused,
            waited,
            failed,
            killed,
            lines_cut: self.sites.iter().map(|site| site.line.cuts()).sum(),
            rounds,
            rounds_cut,
            events: sqlx::query_scalar("select count(*) from sync_inbox").fetch_one(&self.hq.owner).await?,
            conflicts: sqlx::query_scalar("select count(*) from sync_conflicts")
                .fetch_one(&self.hq.owner)
                .await?,
            audits_differed,
            taken_back: self.taken_back.load(Ordering::Relaxed),
            let_go: self.let_go.load(Ordering::Relaxed),
            found,
            seconds: started.elapsed().as_secs(),
        })
    }

    /// The branch goes back to its backup, with a new incarnation. What it had not sent is gone; that is written down. The
    /// desk goes on at once, and takes money when the branch has got its own rows back. Nobody else is put back before that.
    async fn restore(&self, site: &Site, played: &mut Played) -> Result<OwnedMutexGuard<()>, Failure> {
        let alone = self.restoring.clone().lock_owned().await;
        site.relay.kill().await?;
        let mut only_here: Vec<(Uuid, String, String, Value)> = Vec::new();
        site.node
            .restore(
                &site.backup,
                async |old| {
                    let of_branch = "select id from sync_inbox where branch_id = $1";
                    let arrived = ids(&self.hq, of_branch, site.branch).await?;
                    let all =
                        sqlx::query_as("select id, tbl, key, row from sync_outbox").fetch_all(old).await?;
                    only_here = all;
                    only_here.retain(|event| !arrived.contains(&event.0));
                    Ok(())
                },
                async |new| Ok(store::restored(&mut *new.acquire().await?, new_id(script::base())).await?),
            )
            .await?;
        let kept = ids(&site.node, "select id from sync_outbox where $1 is not null", site.branch).await?;
        let field = own_field(&played.told.desk);
        for (_, table, key, row) in only_here.into_iter().filter(|event| !kept.contains(&event.0)) {
            played.forfeited.add(table, key, &row, &field);
        }
        site.relay.start().await?;
        played.killed.restored += 1;
        Ok(alone)
    }

    /// Headquarters goes back to its backup; its new epoch. Nobody else is put back before every branch has sent again what
    /// it has of it.
    async fn restore_hq(&self) -> Result<(OwnedMutexGuard<()>, Uuid), Failure> {
        let alone = self.restoring.clone().lock_owned().await;
        for site in &self.sites {
            site.line.under(Sky::Dark);
        }
        let anew = new_id(script::base());
        self.hq
            .restore(
                &self.hq_backup,
                async |_| Ok(()),
                async |new| Ok(store::restored(&mut *new.acquire().await?, anew).await?),
            )
            .await?;
        for site in &self.sites {
            site.line.under(Sky::Stormy);
        }
        Ok((alone, anew))
    }

    /// The branch has got back what it had sent before it was put back.
    async fn has_its_own_rows(&self, site: &Site) -> Result<(), Failure> {
        self.comes_to(site, "select not own_rows_missing from sync_node").await
    }

    /// Every branch has sent again what it had when headquarters was put back.
    async fn is_sent_again(&self, epoch: Uuid) -> Result<(), Failure> {
        let now = SystemClock.now().to_rfc3339();
        for site in &self.sites {
            let query = format!(
                "select epoch = '{epoch}' and not copies_owed and not exists (select from sync_outbox where answer is null and at <= '{now}') from sync_node"
            );
            self.comes_to(site, &query).await?;
        }
        Ok(())
    }

    /// Somebody at headquarters takes back what was lost there, and lets go of what does not fit any more.
    async fn take_lost(&self) -> Result<(), Failure> {
        loop {
            let taken: Result<_, Error> = async {
                let mut db = self.hq.owner.begin().await?;
                let taken = store::take_lost(&mut db).await?;
                let left = store::lost(&mut db).await?.len();
                store::forget_lost(&mut db).await?;
                db.commit().await?;
                Ok((taken, left))
            }
            .await;
            match taken {
                Err(error) if error.lost_connection() => self.hq.ensure().await?,
                other => {
                    let (taken, left) = other?;
                    self.taken_back.fetch_add(u64::try_from(taken)?, Ordering::Relaxed);
                    self.let_go.fetch_add(u64::try_from(left)?, Ordering::Relaxed);
                    return Ok(());
                }
            }
        }
    }

    /// Waits until a branch's database says so, however often it is killed meanwhile.
    async fn comes_to(&self, site: &Site, query: &str) -> Result<(), Failure> {
        let until = Instant::now() + self.recovery();
        loop {
            let answer = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&site.node.owner).await;
            match answer.map_err(Error::from) {
                Ok(true) => return Ok(()),
                Err(error) if !error.lost_connection() => return Err(error.into()),
                _ if Instant::now() > until => {
                    let last = site.relay.lines()?.pop();
                    let why =
                        format!("branch {} never came to: {query}; its last round: {last:?}", site.number);
                    return Err(why.into());
                }
                Err(_) => site.node.ensure().await?,
                Ok(_) => {}
            }
            sleep(LOOK).await;
        }
    }

    fn recovery(&self) -> Duration {
        let ops = u32::try_from(self.script.ops[0].len()).unwrap_or(u32::MAX);
        RECOVERY.0 + RECOVERY.1 * ops
    }
}

/// Ids, however often the database is killed meanwhile.
async fn ids(node: &Node, query: &'static str, branch: BranchId) -> Result<HashSet<Uuid>, Failure> {
    loop {
        let ids = sqlx::query_scalar(query).bind(branch).fetch_all(&node.owner).await;
        match ids.map_err(Error::from) {
            Ok(ids) => return Ok(ids.into_iter().collect()),
            Err(error) if error.lost_connection() => node.ensure().await?,
            Err(error) => return Err(error.into()),
        }
    }
}

/// A gym with plans and members.
pub async fn found_gym(db: &mut PgConnection, script: &Script) -> Result<(BranchId, Vec<PlanId>), Failure> {
    let base = script::base();
    let house = House::build(db, "Soak", 0, base).await?;
    let monthly = Offer { name: "Monthly", visits: None, minor: 75_000, tax_bp: 1_400 };
    let pack = Offer { name: "Pack", visits: Some(5), minor: 40_000, tax_bp: 0 };
    let plans = vec![house.offer(db, monthly, base).await?, house.offer(db, pack, base).await?];
    db.execute("update plans set freeze_days = 30, freeze_times = 9, branch_scope = 'all'").await?;
    for (number, member) in script.pool.iter().enumerate() {
        sqlx::query(
            "insert into members (id, home_branch_id, number, full_name, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)",
        )
        .bind(member)
        .bind(house.branch)
        .bind(format!("{number}"))
        .bind(format!("Member {number}"))
        .bind(base)
        .execute(&mut *db)
        .await?;
    }
    store::found(db, new_id(base)).await?;
    Ok((house.branch, plans))
}

async fn another(db: &mut PgConnection, number: usize) -> Result<BranchId, Failure> {
    let branch = BranchId::new(script::base());
    sqlx::query(
        "insert into branches (id, gym_id, code, name, time_zone, currency, created_at)
         select $1, gym_id, $2, 'Branch ' || $2, time_zone, currency, created_at from branches limit 1",
    )
    .bind(branch)
    .bind(format!("{}", number + 1))
    .execute(db)
    .await?;
    Ok(branch)
}

fn asked(script: &Script) -> Vec<Uuid> {
    let ops = script.ops.iter().flatten().chain(&script.hq);
    ops.flat_map(|op| [op.id, op.member]).chain(script.pool.iter().copied()).collect()
}

/// One branch from its first operation to its last, with everything that goes wrong on the way; the first one plays
/// headquarters' desk too.
async fn play(house: Arc<House3>, number: usize) -> Result<Played, Failure> {
    let site = &house.sites[number];
    let name = format!("branch {number}");
    let at_desk = Actor::System { branch: Some(site.branch), desk: Some(site.desk) };
    let at_office = Actor::System { branch: Some(site.branch), desk: None };
    let mut desk = house.desk_of(site.node.app.clone(), &site.clock, at_desk, name.clone());
    let hq_name = "headquarters".to_owned();
    let mut office = house.desk_of(house.hq.app.clone(), &site.clock, at_office, hq_name.clone());
    let mut played = Played {
        told: Told { desk: name, acks: Vec::new() },
        hq_told: Told { desk: hq_name, acks: Vec::new() },
        ..Played::default()
    };
    let mut behind = JoinSet::new();
    let mut true_time = script::base();
    for (at, op) in (0_u64..).zip(&house.script.ops[number]) {
        true_time += STEP;
        site.clock.advance(STEP);
        for injury in house.script.faults_at(number, at) {
            match injury {
                Injury::KillBranch { after_us } => {
                    let house = house.clone();
                    behind.spawn(async move {
                        sleep(Duration::from_micros(after_us)).await;
                        house.sites[number].node.kill(Duration::ZERO).await
                    });
                    played.killed.branch += 1;
                }
                Injury::KillHq { away_ms } => {
                    let house = house.clone();
                    behind.spawn(async move { house.hq.kill(Duration::from_millis(away_ms)).await });
                    played.killed.headquarters += 1;
                }
                Injury::KillRelay { away_ms } => {
                    site.relay.kill().await?;
                    sleep(Duration::from_millis(away_ms)).await;
                    site.relay.start().await?;
                    played.killed.relay += 1;
                }
                Injury::Clock { seconds_off } => {
                    let now = true_time + TimeDelta::seconds(seconds_off);
                    site.clock.advance(now - site.clock.now());
                }
                Injury::Backup => site.node.backup(&site.backup).await?,
                Injury::Restore => {
                    let alone = house.restore(site, &mut played).await?;
                    let house = house.clone();
                    behind.spawn(async move {
                        house.has_its_own_rows(&house.sites[number]).await?;
                        drop(alone);
                        Ok(())
                    });
                }
                Injury::BackupHq => house.hq.backup(&house.hq_backup).await?,
                Injury::RestoreHq => {
                    let (alone, epoch) = house.restore_hq().await?;
                    let house = house.clone();
                    behind.spawn(async move {
                        house.is_sent_again(epoch).await?;
                        house.take_lost().await?;
                        drop(alone);
                        Ok(())
                    });
                    played.hq_restored = true;
                    played.killed.restored += 1;
                }
            }
        }
        if let Some(ack) = done(&mut desk, &site.node, op, &mut played, house.recovery()).await? {
            played.told.acks.push(ack);
        }
        if let Some(op) = house.script.hq_op(number, at)
            && let Some(ack) = done(&mut office, &house.hq, op, &mut played, house.recovery()).await?
        {
            played.hq_told.acks.push(ack);
        }
    }
    while let Some(one) = behind.join_next().await {
        one??;
    }
    Ok(played)
}

/// An operation to its end, sent again for as long as the database goes away under it, and asked again for as long as a
/// restored branch has not got its own rows back.
async fn done(
    desk: &mut Desk,
    node: &Node,
    op: &Op,
    played: &mut Played,
    patience: Duration,
) -> Result<Option<Ack>, Failure> {
    let mut ask = None;
    let mut waits_since = None;
    loop {
        let answer = match &ask {
            None => match desk.prepare(op).await {
                Ok(Some(ready)) => {
                    ask = Some(ready);
                    continue;
                }
                Ok(None) => {
                    played.refused += 1;
                    return Ok(None);
                }
                Err(error) => Err(error),
            },
            Some(ask) => desk.ask(ask.clone()).await,
        };
        match answer {
            Ok(ack) => {
                played.done += 1;
                return Ok(Some(ack));
            }
            Err(error) if error.lost_connection() => {
                node.ensure().await?;
                sleep(Duration::from_millis(5)).await;
            }
            // The command list asks again by itself, too.
            Err(error) if error.gave_way() => {}
            Err(error) if error.waits_for_own_rows() => {
                played.waited += u64::from(waits_since.is_none());
                if waits_since.get_or_insert_with(Instant::now).elapsed() > patience {
                    return Err(error.into());
                }
                sleep(LOOK).await;
                // What is to be paid, for instance, is another thing then.
                ask = None;
            }
            Err(error @ (Error::Database(_) | Error::Internal(_))) if !error.is_headquarters_own() => {
                eprintln!("{:?} failed: {error:?}", op.what);
                played.failed += 1;
                return Ok(None);
            }
            Err(_) => {
                played.refused += 1;
                return Ok(None);
            }
        }
    }
}
