//! The relay by itself: woken at either end, patient with a headquarters that does not answer, and not relying on wake-ups.
use super::{Branch, House, edit, number, register};
use gatehouse_core::sync::keep::keep_in_step;
use gatehouse_testkit::{TestDb, TestGym};
use sqlx::{ConnectOptions as _, Executor, PgPool};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Less than the poll takes: whatever is seen sooner was woken for.
const WOKEN: Duration = Duration::from_secs(8);
/// The poll's fifteen seconds, and a round.
const POLLED: Duration = Duration::from_secs(25);

struct Kept(JoinHandle<()>);

impl Kept {
    fn of(branch: &Branch) -> Self {
        let url = branch.link.to_url_lossy().to_string();
        Self(tokio::spawn(keep_in_step(branch.gym.services.clone(), url)))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How long it took until the query gave that.
async fn until(db: &PgPool, query: &'static str, wanted: i64, patience: Duration) -> Duration {
    let asked = Instant::now();
    while number(db, query).await != wanted {
        assert!(asked.elapsed() < patience, "{query} is {}", number(db, query).await);
        sleep(Duration::from_millis(20)).await;
    }
    asked.elapsed()
}

/// Until it has been in step once and listens at both ends, which it does right after.
async fn listens(house: &House) {
    until(&house.first.gym.db.owner, "select least(rounds, 1) from sync_contact", 1, WOKEN).await;
    sleep(Duration::from_millis(500)).await;
}

#[tokio::test]
async fn what_is_written_at_either_end_wakes_it() {
    let house = House::new().await;
    let _kept = Kept::of(&house.first);
    listens(&house).await;
    let member = register(&house.first.gym, "Mona Adel").await.id;
    until(&house.hq.owner, "select count(*) from members", 1, WOKEN).await;
    // The other branch hears of it at its own next round, and what it does there is told to the first. Transactions of other
    // tests on the server may hide it from the pull that follows; not every time.
    house.second.round().await;
    for (goal, seen) in [
        ("run", "select count(*) from members where goal = 'run'"),
        ("swim", "select count(*) from members where goal = 'swim'"),
        ("row", "select count(*) from members where goal = 'row'"),
    ] {
        edit(&house.second.gym, member, |form| form.goal = Some(goal.into())).await;
        house.second.round().await;
        if until(&house.first.gym.db.owner, seen, 1, POLLED).await < WOKEN {
            return;
        }
    }
    panic!("only the poll found it, three times");
}

#[tokio::test]
async fn a_wake_up_that_got_lost_costs_a_poll() {
    let house = House::new().await;
    let member = register(&house.first.gym, "Mona Adel").await.id;
    house.meet().await;
    let _kept = Kept::of(&house.first);
    listens(&house).await;
    // Changed and fed, and nobody is told.
    let mut db = house.hq.owner.begin().await.expect("a transaction");
    for statement in [
        "alter table members disable trigger sync_update",
        "update members set goal = 'swim'",
        "insert into sync_feed (tbl, key) select 'members', jsonb_build_object('id', id) from members",
        "alter table members enable trigger sync_update",
    ] {
        db.execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    db.commit().await.expect("committed");
    let took =
        until(&house.first.gym.db.owner, "select count(*) from members where goal = 'swim'", 1, POLLED).await;
    assert!(took > Duration::from_secs(1), "{member} was there after {took:?}: somebody told");
}

#[tokio::test]
async fn a_line_that_dies_is_opened_again() {
    let house = House::new().await;
    let _kept = Kept::of(&house.first);
    listens(&house).await;
    for expected in 1..4 {
        house.hq.end_sessions(house.first.link.get_username()).await;
        register(&house.first.gym, &format!("Member {expected}")).await;
        until(&house.hq.owner, "select count(*) from members", expected, WOKEN).await;
    }
}

#[tokio::test]
async fn a_headquarters_that_refuses_is_asked_less_and_less_and_found_again() {
    let house = House::new().await;
    house.hq.owner.execute("update sync_branches set revoked_at = now()").await.expect("revoked");
    register(&house.first.gym, "Mona Adel").await;
    let _kept = Kept::of(&house.first);
    let asked = "select count(*) from sync_refusals where reason = 'revoked'";
    sleep(Duration::from_secs(6)).await;
    // After half a second to a second, then one to two, two to four: not every time something is written.
    for _ in 0..20 {
        edit_anything(&house).await;
    }
    let times = number(&house.hq.owner, asked).await;
    assert!((2..=6).contains(&times), "{times} times in six seconds");
    assert_eq!(number(&house.hq.owner, "select count(*) from members").await, 0);
    house.hq.owner.execute("update sync_branches set revoked_at = null").await.expect("enrolled");
    until(&house.hq.owner, "select count(*) from members", 1, Duration::from_secs(20)).await;
}

async fn edit_anything(house: &House) {
    let member = sqlx::query_scalar("select id from members")
        .fetch_one(&house.first.gym.db.owner)
        .await
        .expect("a member");
    edit(&house.first.gym, member, |form| form.goal = Some("run".into())).await;
}

#[tokio::test]
async fn a_database_without_a_headquarters_has_nothing_to_keep() {
    let (gym, nobody) = (TestGym::new().await, TestDb::empty().await);
    timeout(WOKEN, keep_in_step(gym.services.clone(), nobody.app_url.clone())).await.expect("it ends");
    timeout(WOKEN, keep_in_step(gym.services.clone(), "no url".into())).await.expect("it ends");
}
