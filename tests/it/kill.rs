//! The database dies in the middle of sales: afterwards each is there once or not at all, and asking again with
//! the same key completes it.
use chrono::NaiveDate;
use gatehouse_core::clock::Clock;
use gatehouse_core::ids::{MemberId, PlanId, new_id};
use gatehouse_core::sales::service::sell;
use gatehouse_core::sales::wire::{Basket, Line, Sale, Sell};
use gatehouse_pg::{Config, Server};
use gatehouse_testkit::{GymSetup, TestDb, TestGym};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

const DESKS: usize = 4;

/// What a desk was told, or that it was not.
#[derive(Default)]
struct Told {
    answered: Vec<(Sell, Sale)>,
    unanswered: Vec<Sell>,
}

/// A gym full of people who want to buy.
struct Rush {
    gym: TestGym,
    plan: PlanId,
    members: Vec<MemberId>,
    /// Sales begun: the next member's place in the row.
    begun: AtomicUsize,
    over: AtomicBool,
}

impl Rush {
    async fn new(gym: TestGym) -> Arc<Self> {
        let plan = gym.monthly().await;
        let members = sqlx::query_scalar(
            "insert into members (id, home_branch_id, number, full_name, created_at, updated_at)
             select id, $1, id::text, 'Mona Adel', $2, $2
             from (select gen_random_uuid() as id from generate_series(1, 10000)) as everybody
             returning id",
        )
        .bind(gym.branch)
        .bind(gym.clock.now())
        .fetch_all(&gym.db.owner)
        .await
        .expect("members");
        Arc::new(Self { gym, plan, members, begun: AtomicUsize::new(0), over: AtomicBool::new(false) })
    }

    /// Desks that sell one after the other until their first failure, or until the rush is over.
    fn desks(self: &Arc<Self>) -> JoinSet<Told> {
        self.over.store(false, Ordering::Relaxed);
        let mut desks = JoinSet::new();
        for _ in 0..DESKS {
            let rush = Arc::clone(self);
            desks.spawn(async move {
                let mut told = Told::default();
                while !rush.over.load(Ordering::Relaxed) && told.unanswered.is_empty() {
                    let request = rush.next_sale();
                    match sell(&rush.gym.services, &rush.gym.reception, request.clone()).await {
                        Ok(sale) => told.answered.push((request, sale)),
                        Err(_) => told.unanswered.push(request),
                    }
                }
                told
            });
        }
        desks
    }

    fn next_sale(&self) -> Sell {
        let member_id = self.members[self.begun.fetch_add(1, Ordering::Relaxed)];
        Sell {
            idempotency_key: new_id(self.gym.clock.now()),
            basket: Basket::of(member_id, Line::New { plan_id: self.plan, starts_on: None }),
            expected_total: self.gym.money(75_000),
            expected_starts_on: NaiveDate::from_ymd_opt(2026, 3, 11),
            credit_minor: 0,
            payments: vec![self.gym.cash(75_000)],
            owe_until: None,
        }
    }

    /// Waits until that many more sales have begun, and a little longer.
    async fn under_way(&self, sales: usize, longer: Duration) {
        let until = self.begun.load(Ordering::Relaxed) + sales;
        while self.begun.load(Ordering::Relaxed) < until {
            sleep(Duration::from_millis(1)).await;
        }
        sleep(longer).await;
    }

    /// Asks again until the database answers; a few connections of the pool may still be broken.
    async fn retry(&self, request: &Sell) -> Sale {
        let ask = || sell(&self.gym.services, &self.gym.reception, request.clone());
        for _ in 0..DESKS * 4 {
            if let Ok(sale) = ask().await {
                return sale;
            }
        }
        ask().await.expect("the retry completes the sale")
    }
}

async fn all_told(mut desks: JoinSet<Told>) -> Told {
    let mut all = Told::default();
    while let Some(told) = desks.join_next().await {
        let told = told.expect("a desk does not panic");
        all.answered.extend(told.answered);
        all.unanswered.extend(told.unanswered);
    }
    all
}

/// Every sale is there once, whole, and its key gives the answer that was given before.
async fn assert_once_and_whole(gym: &TestGym, sales: &[(Sell, Sale)]) {
    let stored = i64::try_from(sales.len()).expect("a few hundred");
    for (rows, query) in [
        ("transactions", "select count(*) from ledger_transactions"),
        ("keys", "select count(*) from idempotency_keys"),
        ("subscriptions", "select count(*) from subscriptions"),
        ("events", "select count(*) from subscription_events"),
        ("charges", "select count(*) from charges"),
        ("payments", "select count(*) from payments"),
        ("allocations", "select count(*) from allocations"),
        ("audit rows", "select count(*) from audit_log where act = 'subscription.sold'"),
        ("members served", "select count(distinct member_id) from charges"),
        ("quarters of entries", "select count(*) / 4 from ledger_entries"),
    ] {
        assert_eq!(gym.count(query).await, stored, "{rows}");
    }
    assert_eq!(
        gym.count("select coalesce(sum(amount), 0)::bigint from ledger_entries where account = 'cash'").await,
        stored * 75_000
    );
    for (request, sale) in sales {
        let again = sell(&gym.services, &gym.reception, request.clone()).await.expect("the first answer");
        assert_eq!(&again, sale);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_cut_off_by_its_connection_is_completed_by_the_retry() {
    let rush = Rush::new(TestGym::new().await).await;
    let mut sales = Vec::new();
    let mut cut_off = 0;
    // How many a cut meets depends on the machine; at least ten in all.
    for round in 0..60_u64 {
        if round >= 10 && cut_off >= 10 {
            break;
        }
        let desks = rush.desks();
        rush.under_way(DESKS + 1, Duration::from_micros(round % 10 * 733)).await;
        // The app role may end connections of its own.
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and usename = current_user and pid <> pg_backend_pid()",
        )
        .execute(&rush.gym.db.app)
        .await
        .expect("connections end");
        rush.over.store(true, Ordering::Relaxed);
        let told = all_told(desks).await;
        sales.extend(told.answered);
        cut_off += told.unanswered.len();
        for request in told.unanswered {
            let sale = rush.retry(&request).await;
            sales.push((request, sale));
        }
    }
    assert!(cut_off >= 10, "only {cut_off} sales were cut off");
    assert_once_and_whole(&rush.gym, &sales).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_survives_the_death_of_the_server_once_or_not_at_all() {
    let home = tempfile::Builder::new()
        .prefix("gatehouse-kill-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir_in("/var/tmp")
        .expect("a folder that the server's account can reach");
    let server = Server::start(&Config::new(home.path().join("postgres"))).await.expect("a durable server");
    let rush = Rush::new(TestGym::inside(TestDb::on(&server).await, GymSetup::default()).await).await;
    let mut sales = Vec::new();
    let mut kills = 0;
    for round in 0..9_u64 {
        let desks = rush.desks();
        rush.under_way(DESKS + 1, Duration::from_micros(round * 1_733)).await;
        let killed = server.pid().await;
        kill_process(Pid::from_raw(killed).expect("a process"), Signal::KILL).expect("the server is killed");
        rush.over.store(true, Ordering::Relaxed);
        // It takes a moment to be seen dead.
        while server.pid().await == killed {
            server.ensure().await.expect("the server is back");
        }
        let told = all_told(desks).await;
        // Only a kill with a sale under way counts.
        kills += u32::from(!told.unanswered.is_empty());
        sales.extend(told.answered);
        for request in told.unanswered {
            let sale = rush.retry(&request).await;
            sales.push((request, sale));
        }
        if kills == 3 {
            break;
        }
    }
    assert_eq!(kills, 3);
    assert_once_and_whole(&rush.gym, &sales).await;
    drop(rush);
    server.stop().await.expect("the server stops");
}
