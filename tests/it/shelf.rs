//! What the counter keeps in memory is never older than the database it sells into.
use gatehouse_core::error::Error;
use gatehouse_core::ids::{MemberId, PlanId};
use gatehouse_core::sales::service::{sale_preview, sell};
use gatehouse_core::sales::wire::{Basket, Line};
use gatehouse_testkit::TestGym;
use sqlx::{AssertSqlSafe, Executor as _};
use std::time::Duration;
use uuid::Uuid;

fn new(member_id: MemberId, plan_id: PlanId) -> Basket {
    Basket::of(member_id, Line::New { plan_id, starts_on: None })
}

async fn price(gym: &TestGym, basket: Basket) -> i64 {
    sale_preview(&gym.services, &gym.reception, basket).await.expect("a preview").total.minor
}

async fn version(gym: &TestGym) -> Uuid {
    sqlx::query_scalar("select version from settings_version")
        .fetch_one(&gym.db.owner)
        .await
        .expect("a version")
}

/// By another program, which tells nobody.
async fn elsewhere(gym: &TestGym, statement: &str) {
    gym.db.owner.execute(AssertSqlSafe(statement.to_owned())).await.expect(statement);
}

#[tokio::test]
async fn a_price_that_another_program_changed_is_asked_by_the_very_next_sale() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let old = gym.sale_of(new(member, plan)).await;
    gym.sell_plan(member, plan).await;
    elsewhere(&gym, "update plan_prices set amount = amount + 100").await;
    let refused = sell(&gym.services, &gym.reception, old).await.expect_err("the price of before");
    assert!(matches!(refused, Error::Conflict { code: "price_changed", .. }), "{refused}");
    assert_eq!(price(&gym, new(member, plan)).await, 75_100);
}

#[tokio::test]
async fn a_price_is_not_asked_before_it_is_committed_and_not_forgotten_after() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    let mut office = gym.db.owner.begin().await.expect("a transaction");
    office.execute("update plan_prices set amount = amount + 100").await.expect("under way");
    // Read, and kept, while the change is under way.
    assert_eq!(price(&gym, new(member, plan)).await, 75_000);
    office.commit().await.expect("committed");
    assert_eq!(price(&gym, new(member, plan)).await, 75_100);
    // One that is taken back has changed nothing.
    let before = version(&gym).await;
    let mut office = gym.db.owner.begin().await.expect("a transaction");
    office.execute("update plan_prices set amount = amount + 100").await.expect("under way");
    office.rollback().await.expect("taken back");
    assert_eq!((version(&gym).await, price(&gym, new(member, plan)).await), (before, 75_100));
}

#[tokio::test]
async fn whatever_the_counter_keeps_makes_another_version_when_it_changes() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    let till = "(select id from tills order by number limit 1)";
    let branch = "(select id from branches limit 1)";
    let changes = [
        "update gyms set name = name || '!'".to_owned(),
        "update branches set name = name || '!'".to_owned(),
        "update branches set code = '77'".to_owned(),
        "update branches set time_zone = 'Asia/Kolkata'".to_owned(),
        "update branches set day_starts_at = 3".to_owned(),
        "update branches set currency = 'USD'".to_owned(),
        "update branches set prices_include_tax = not prices_include_tax".to_owned(),
        "update branches set cash_rounding_minor = 25".to_owned(),
        "update branches set tax_number = '1', address = 'Nile 1', receipt_footer = 'Thank you'".to_owned(),
        "update tills set name = name || '!'".to_owned(),
        format!(
            "insert into tills (id, branch_id, number, name, created_at) values (gen_random_uuid(), {branch}, 9, 'Bar', now())"
        ),
        "update desks set till_id = (select id from tills where number = 9)".to_owned(),
        format!(
            "insert into desks (id, branch_id, name, created_at, till_id)
             values (gen_random_uuid(), {branch}, 'Back door', now(), {till})"
        ),
        "insert into tax_rates (id, name, rate_bp, created_at) values (gen_random_uuid(), 'VAT', 1400, now())".to_owned(),
        "update tax_rates set rate_bp = 500".to_owned(),
        "update plans set tax_rate_id = (select id from tax_rates)".to_owned(),
        format!("insert into plan_branches (plan_id, branch_id) values ('{}', {branch})", plan.0),
        "delete from plan_branches".to_owned(),
        "update plan_prices set amount = 1".to_owned(),
        "delete from plan_prices".to_owned(),
    ];
    for change in changes {
        let before = version(&gym).await;
        elsewhere(&gym, &change).await;
        assert_ne!(version(&gym).await, before, "{change}");
    }
    // What changes all day and is not kept does not.
    let before = version(&gym).await;
    let member = gym.member("Mona Adel").await;
    elsewhere(&gym, "update branches set capacity = 80").await;
    assert_eq!(version(&gym).await, before);
    let gone =
        sale_preview(&gym.services, &gym.reception, new(member, plan)).await.expect_err("no price is left");
    assert!(matches!(gone, Error::Conflict { code: "no_price", .. }), "{gone}");
}

#[tokio::test]
async fn two_who_change_the_settings_wait_for_each_other_only_at_the_end() {
    let gym = TestGym::new().await;
    gym.monthly().await;
    let (mut first, mut second) = (
        gym.db.owner.begin().await.expect("a transaction"),
        gym.db.owner.begin().await.expect("a transaction"),
    );
    // Each what the other does next, but for the version.
    first.execute("update plans set freeze_days = 3").await.expect("plans");
    second.execute("update gyms set name = 'Other'").await.expect("gyms");
    second.execute("update tills set name = 'Other'").await.expect("tills");
    first.execute("update branches set address = 'Nile 1'").await.expect("branches");
    let (first, second) = tokio::join!(first.commit(), second.commit());
    first.and(second).expect("both");
}

#[tokio::test]
async fn a_connection_that_the_server_ended_while_it_rested_is_not_sold_on() {
    let gym = TestGym::new().await;
    let (member, plan) = (gym.member("Mona Adel").await, gym.monthly().await);
    gym.sell_plan(member, plan).await;
    let ended: i64 = sqlx::query_scalar(
        "with others as materialized (select pid from pg_stat_activity
             where datname = current_database() and usename = current_user and pid <> pg_backend_pid())
         select count(*) from others where pg_terminate_backend(pid)",
    )
    .fetch_one(&gym.db.app)
    .await
    .expect("ended");
    assert!(ended > 0);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(price(&gym, new(member, plan)).await, 75_000);
    gym.sell_plan(member, plan).await;
    assert_eq!(gym.count("select count(*) from receipts").await, 2);
}
