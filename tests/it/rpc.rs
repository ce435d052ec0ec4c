//! The dispatcher of commands, as windows and browsers reach it.
use gatehouse_core::auth::model::Role;
use gatehouse_core::auth::staff;
use gatehouse_core::auth::wire::CreateStaff;
use gatehouse_core::clock::Clock;
use gatehouse_core::sales::wire::{Basket, Line};
use gatehouse_net::host::Host;
use gatehouse_net::house::{House, Place};
use gatehouse_net::rpc::{self, Caller, SessionChange};
use gatehouse_testkit::TestGym;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Tokio's threads have two megabytes, of which services and the database's client need most.
const A_QUARTER: usize = 512 * 1024;

const SOON: Duration = Duration::from_secs(20);

/// A gym and the host that answers for it.
async fn open() -> (TestGym, Arc<Host>, TempDir) {
    let gym = TestGym::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place {
        data_dir: folder.path().to_owned(),
        resources: None,
        database_url: Some(gym.db.app_url.clone()),
        migrate_url: None,
        headquarters_url: None,
    };
    let clock: Arc<dyn Clock> = Arc::new(gym.clock.clone());
    let house = House::open_with_clock(place, clock).await.expect("a house");
    let host = Host::new(house, "a test".to_owned(), Some("1")).await.expect("a host");
    (gym, host, folder)
}

#[test]
fn a_command_does_not_pay_for_the_stack_of_all_others() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(A_QUARTER)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (_gym, host, _folder) = open().await;
        let asked =
            tokio::spawn(
                async move { rpc::call(&host, &Caller::default(), "setup_status", Value::Null).await },
            );
        let reply = asked.await.expect("a thread that is still there").expect("an answer");
        assert_eq!(reply.body["is_set_up"], Value::Bool(true), "{}", reply.body);
    });
}

/// Somebody of reception, logged in.
async fn reception(gym: &TestGym, host: &Arc<Host>) -> Caller {
    let account = CreateStaff {
        full_name: "Rami Desk".to_owned(),
        username: Some("rami".to_owned()),
        email: None,
        phone: None,
        roles: vec![Role::Reception],
        password: "Desk-Pass-1".to_owned(),
        pin: None,
    };
    staff::create(&gym.services, &gym.owner, account).await.expect("an account");
    let request = json!({ "identifier": "rami", "password": "Desk-Pass-1" });
    let reply = rpc::call(host, &Caller::default(), "login", request).await.expect("a session");
    let SessionChange::Open(token) = reply.session else { panic!("no session") };
    Caller { token: Some(token), ..Caller::default() }
}

/// The sale holds the shift and waits for the till's chain; whoever holds the chain asks for the shift. The database ends
/// the sale, which has waited longer, and the desk is told nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_that_the_database_gave_up_for_another_is_made_all_the_same() {
    let (gym, host, _folder) = open().await;
    let caller = reception(&gym, &host).await;
    let plan = gym.monthly().await;
    let mut requests = Vec::new();
    for name in ["Omar Nabil", "Mona Adel"] {
        let lines = vec![Line::New { plan_id: plan, starts_on: None }];
        let basket = Basket { member_id: Some(gym.member(name).await), lines };
        requests.push(serde_json::to_value(gym.sale_of(basket).await).expect("a request"));
    }
    // The first opens the till's shift.
    rpc::call(&host, &caller, "sell", requests.remove(0)).await.expect("a sale");
    let receipts = gym.count("select count(*) from receipts").await;

    let mut other = PgConnection::connect(&gym.db.owner_url).await.expect("a connection");
    let mut tx = other.begin().await.expect("a transaction");
    sqlx::query("select from receipt_chains for update").execute(&mut *tx).await.expect("the chains");
    let sale = tokio::spawn(async move { rpc::call(&host, &caller, "sell", requests.remove(0)).await });
    let begun = Instant::now();
    loop {
        let waiting = "select count(*) from pg_locks l join pg_stat_activity a using (pid)
                       where not l.granted and a.datname = current_database()";
        if gym.count(waiting).await == 1 {
            break;
        }
        assert!(!sale.is_finished() && begun.elapsed() < SOON, "the sale does not wait");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sqlx::query("select from till_shifts for update").execute(&mut *tx).await.expect("the shifts");
    tx.rollback().await.expect("the end of it");

    let reply = sale.await.expect("no panic").expect("a sale");
    assert_ne!(reply.body["receipt_number"], json!(0), "{}", reply.body);
    assert_eq!(gym.count("select count(*) from receipts").await, receipts + 1);
}
