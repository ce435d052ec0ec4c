//! A headquarters and its branches: a real database each, and a relay between them.
mod branches;
mod cuts;
mod declared;
mod desk;
mod enrol;
mod keep;
mod merge;
mod restore;
mod roles;
mod skew;
mod soak;

use gatehouse_core::clock::Clock;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{BranchId, MemberId, SubscriptionId, new_id};
use gatehouse_core::members::service as members;
use gatehouse_core::members::wire::{Member, MemberForm, RegisterMember, UpdateMember};
use gatehouse_core::plans::wire::{BranchScope, PlanForm};
use gatehouse_core::sealed::KeyFile;
use gatehouse_core::services::Services;
use gatehouse_core::subscriptions::acts::{act, preview};
use gatehouse_core::subscriptions::wire::{Act, Acted, DoAct, PreviewAct};
use gatehouse_core::sync::model::Limits;
use gatehouse_core::sync::relay::{self, Round};
use gatehouse_core::sync::store;
use gatehouse_core::sync::wire::Answer;
use gatehouse_testkit::{FakeClock, GymSetup, TestDb, TestGym};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A branch with its way to headquarters.
pub struct Branch {
    pub gym: TestGym,
    pub link: PgConnectOptions,
}

impl Branch {
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect_with(&self.link).await.expect("headquarters answers")
    }

    pub async fn round(&self) -> Round {
        others_ended(&self.gym.db.owner).await;
        self.try_round(Limits::default()).await.expect("a round")
    }

    pub async fn try_round(&self, limits: Limits) -> Result<Round, relay::Stopped> {
        let mut hq = PgConnection::connect_with(&self.link).await?;
        relay::round(&self.gym.services, &mut hq, limits).await
    }
}

/// Headquarters gives out what is before every running transaction of its server, and other tests run theirs there.
async fn others_ended(db: &PgPool) {
    let until: String =
        sqlx::query_scalar("select pg_current_xact_id()::text").fetch_one(db).await.expect("a number");
    for _ in 0..100 {
        let ended: bool =
            sqlx::query_scalar("select pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8")
                .bind(&until)
                .fetch_one(db)
                .await
                .expect("an answer");
        if ended {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Headquarters, the branch that founded it after living alone, and one that was opened later.
pub struct House {
    pub hq: TestDb,
    pub first: Branch,
    pub second: Branch,
}

impl House {
    /// After both branches are in step.
    pub async fn new() -> Self {
        let (hq, first) = founded(TestGym::new().await).await;
        let second = opened(&hq, "2", &first.gym.setup).await;
        let house = Self { hq, first, second };
        house.meet().await;
        house
    }

    /// Rounds until nobody has anything new for anybody.
    pub async fn meet(&self) {
        for _ in 0..2 {
            for branch in [&self.first, &self.second] {
                let round = branch.round().await;
                assert_eq!(
                    (round.quarantined, round.put_off, round.set_aside),
                    (0, 0, 0),
                    "{}",
                    self.aside(branch).await
                );
            }
        }
    }

    async fn aside(&self, branch: &Branch) -> String {
        let mut all = Vec::new();
        for db in [&self.hq.owner, &branch.gym.db.owner] {
            let rows: Vec<String> =
                sqlx::query_scalar("select tbl || ': ' || reason || ' ' || event from sync_quarantine")
                    .fetch_all(db)
                    .await
                    .expect("quarantine");
            all.extend(rows);
        }
        all.join("\n")
    }

    /// Facts are equal as sets where they belong, shared rows are equal everywhere.
    pub async fn agree(&self) {
        for branch in [&self.first, &self.second] {
            let own = facts(&branch.gym.db.owner, Some(branch.gym.branch)).await;
            let there = facts(&self.hq.owner, Some(branch.gym.branch)).await;
            differ("facts", &own, &there);
            differ("fed", &fed(&branch.gym.db.owner).await, &fed(&self.hq.owner).await);
        }
    }
}

/// Headquarters in an empty database, and the gym as its founding branch, joined and in step.
pub async fn founded(gym: TestGym) -> (TestDb, Branch) {
    let hq = TestDb::new().await;
    let mut db = PgConnection::connect(&hq.owner_url).await.expect("headquarters");
    store::found(&mut db, new_id(gym.clock.now())).await.expect("a headquarters");
    let link = hq.login("first").await;
    store::enrol(&mut db, gym.branch, link.get_username(), true).await.expect("enrolled");
    let mut own = gym.db.owner.acquire().await.expect("the branch");
    store::join(&mut own, gym.branch, new_id(gym.clock.now()), true).await.expect("joined");
    drop(own);
    let branch = Branch { gym, link };
    branch.round().await;
    (hq, branch)
}

/// A new branch of the headquarters, in an empty database.
pub async fn opened(hq: &TestDb, code: &str, setup: &GymSetup) -> Branch {
    let db = TestDb::new().await;
    let clock = FakeClock::at(setup.now);
    let branch = BranchId::new(clock.now());
    sqlx::query(
        "insert into branches (id, gym_id, code, name, time_zone, currency, created_at)
         select $1, id, $2, 'Branch ' || $2, $3, $4, $5 from gyms",
    )
    .bind(branch)
    .bind(code)
    .bind(setup.time_zone)
    .bind(setup.currency)
    .bind(clock.now())
    .execute(&hq.owner)
    .await
    .expect("a branch");
    let link = hq.login(&format!("branch{code}")).await;
    let mut owner = PgConnection::connect(&hq.owner_url).await.expect("headquarters");
    store::enrol(&mut owner, branch, link.get_username(), false).await.expect("enrolled");
    let mut own = PgConnection::connect(&db.owner_url).await.expect("the branch");
    store::join(&mut own, branch, new_id(clock.now()), false).await.expect("joined");
    let round = first_round(&db, &link, setup).await;
    assert_eq!(round.set_aside, 0);
    Branch { gym: TestGym::of_branch(db, setup.clone(), branch).await, link }
}

/// A round before there is a desk: the branch's own row is in what comes.
pub async fn first_round(db: &TestDb, link: &PgConnectOptions, setup: &GymSetup) -> Round {
    let keys = KeyFile::at(std::env::temp_dir().join("no.key"));
    let services =
        Services::new(db.app.clone(), Arc::new(FakeClock::at(setup.now)), std::env::temp_dir(), keys);
    let mut hq = PgConnection::connect_with(link).await.expect("headquarters answers");
    others_ended(&db.owner).await;
    relay::round(&services, &mut hq, Limits::default()).await.expect("a first round")
}

/// A plan's form that opens every branch's door.
pub fn everywhere(form: PlanForm) -> PlanForm {
    PlanForm { branch_scope: BranchScope::All, ..form }
}

pub async fn register(gym: &TestGym, name: &str) -> Member {
    let form = MemberForm { full_name: name.to_owned(), language: "en".to_owned(), ..MemberForm::default() };
    let id = MemberId::new(gym.clock.now());
    members::register(&gym.services, &gym.reception, RegisterMember { id, form }).await.expect("registered")
}

/// Reads the feed and sends nothing, until the query gives 1: another test's transaction may hide it for a while.
pub async fn pulled(branch: &Branch, seen: &'static str) {
    let mut hq = branch.connect().await;
    for _ in 0..300 {
        let mut local = branch.gym.services.db.acquire().await.expect("a connection");
        let cursor = store::node(&mut local).await.expect("a node").cursor;
        let page = match store::pull(&mut hq, &cursor, 100).await.expect("a page") {
            Answer::Given(page) => page,
            refused @ Answer::Refused { .. } => panic!("{refused:?}"),
        };
        store::apply(&mut local, &page).await.expect("applied");
        if number(&branch.gym.db.owner, seen).await == 1 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("never came: {seen}");
}

pub async fn edit(gym: &TestGym, id: MemberId, change: impl FnOnce(&mut MemberForm)) {
    let request = gatehouse_core::members::wire::ChooseMember { member_id: id };
    let mut form = members::get(&gym.services, &gym.reception, request).await.expect("a member").form;
    change(&mut form);
    members::update(&gym.services, &gym.reception, UpdateMember { id, form, shown: None })
        .await
        .expect("edited");
}

pub async fn does(gym: &TestGym, subscription_id: SubscriptionId, what: Act) -> Result<Acted, Error> {
    let request = PreviewAct { subscription_id, act: what.clone() };
    let seen = preview(&gym.services, &gym.owner, request).await?;
    let request = DoAct {
        idempotency_key: new_id(gym.clock.now()),
        subscription_id,
        act: what,
        version: seen.version,
        reason: Some("asked for".to_owned()),
        expected_due: seen.due,
        payments: Vec::new(),
        owe_until: None,
    };
    act(&gym.services, &gym.owner, request).await
}

/// Rows by table, as text, without the columns that each database keeps for itself.
type Rows = BTreeMap<String, Vec<String>>;

/// The facts of a branch.
pub async fn facts(db: &PgPool, branch: Option<BranchId>) -> Rows {
    rows(db, "owner = 'branch'", branch).await
}

/// What everybody has: headquarters' tables, shared ones, and facts that feed.
pub async fn fed(db: &PgPool) -> Rows {
    rows(db, "owner in ('headquarters', 'shared') or feeds", None).await
}

async fn rows(db: &PgPool, which: &str, branch: Option<BranchId>) -> Rows {
    let tables: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!(
        "select name from sync_tables where {which} order by place"
    )))
    .fetch_all(db)
    .await
    .expect("tables");
    let mut all = Rows::new();
    let mut db = db.acquire().await.expect("a connection");
    sqlx::query("set timezone = 'UTC'").execute(&mut *db).await.expect("a zone");
    for table in tables {
        let query = format!(
            "select (to_jsonb(x) - t.own_columns)::text from {table} x, sync_tables t
             where t.name = '{table}' and ($1::uuid is null or coalesce(sync_branch_of(t, to_jsonb(x)), $1) = $1) order by 1"
        );
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query))
            .bind(branch)
            .fetch_all(&mut *db)
            .await
            .unwrap_or_else(|error| panic!("{table}: {error}"));
        all.insert(table, rows);
    }
    all
}

pub fn differ(what: &str, one: &Rows, other: &Rows) {
    for (table, rows) in one {
        let there = &other[table];
        let missing: Vec<_> = rows.iter().filter(|row| !there.contains(row)).collect();
        let extra: Vec<_> = there.iter().filter(|row| !rows.contains(row)).collect();
        assert!(
            missing.is_empty() && extra.is_empty() && rows.len() == there.len(),
            "{what} {table}: only one has {missing:#?}, only the other {extra:#?}"
        );
    }
}

pub async fn number(db: &PgPool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(db).await.unwrap_or_else(|error| panic!("{query}: {error}"))
}
