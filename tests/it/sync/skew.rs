//! Branches and headquarters of different releases: headquarters migrates first, and a branch of the release before goes on
//! as if nothing had happened.
//!
//! The release before is its schema: all migrations up to [`PREVIOUS`]. Its relay is played here by the calls that it makes.
use super::{differ, everywhere, facts, number, register};
use gatehouse_core::clock::Clock;
use gatehouse_core::db;
use gatehouse_core::ids::{BranchId, new_id};
use gatehouse_core::sync::model::Limits;
use gatehouse_core::sync::relay::{self, Stopped};
use gatehouse_core::sync::store;
use gatehouse_testkit::{TestDb, TestGym, plan_form};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use std::collections::BTreeMap;

/// The newest migration of the release before. Moves on with each release.
const PREVIOUS: i64 = 20_261_122_033_500;

/// A database of the release before, with its note of what has run.
async fn previous() -> TestDb {
    let test = TestDb::empty().await;
    let mut own = PgConnection::connect(&test.owner_url).await.expect("the database");
    let until = db::MIGRATIONS.iter().filter(|migration| migration.version <= PREVIOUS).cloned().collect();
    sqlx::migrate::Migrator::with_migrations(until).run(&mut own).await.expect("the release before");
    test
}

async fn value(db: &mut PgConnection, query: &'static str) -> Value {
    sqlx::query_scalar(query).fetch_one(db).await.unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// A round as the release before makes it.
async fn round_of_before(branch: &PgPool, hq: &mut PgConnection) {
    let node: (uuid::Uuid, String) = sqlx::query_as("select incarnation, cursor from sync_node")
        .fetch_one(branch)
        .await
        .expect("a branch");
    let hello: Value = sqlx::query_scalar("select hq_hello($1, $2, '{\"waiting\": 1}')")
        .bind(PREVIOUS)
        .bind(node.0)
        .fetch_one(&mut *hq)
        .await
        .expect("hello");
    let epoch: uuid::Uuid = hello["epoch"].as_str().and_then(|text| text.parse().ok()).expect("an epoch");
    sqlx::query("select relay_met($1)").bind(epoch).execute(branch).await.expect("met");
    loop {
        let mut local = branch.acquire().await.expect("the branch");
        let batch = value(&mut local, "select relay_take(500, 4194304)").await;
        if batch.as_array().is_none_or(Vec::is_empty) {
            break;
        }
        let pushed: Value =
            sqlx::query_scalar("select hq_push($1)").bind(&batch).fetch_one(&mut *hq).await.expect("pushed");
        let answers = pushed["answers"].clone();
        for answer in answers.as_array().expect("answers") {
            assert_eq!(answer["answer"], "ok", "{answer}");
        }
        sqlx::query("select relay_answered($1)").bind(answers).execute(&mut *local).await.expect("noted");
    }
    let cursor: String =
        sqlx::query_scalar("select cursor from sync_node").fetch_one(branch).await.expect("a cursor");
    let page: Value =
        sqlx::query_scalar("select hq_pull($1, 1000)").bind(cursor).fetch_one(hq).await.expect("a page");
    let aside: i32 = sqlx::query_scalar("select relay_apply($1, $2)")
        .bind(&page["rows"])
        .bind(page["cursor"].as_str())
        .fetch_one(branch)
        .await
        .expect("applied");
    assert_eq!(aside, 0, "{page}");
}

/// What a desk of the release before leaves in the tables.
const WORK: &str = "
    insert into desks (id, branch_id, name, created_at) select gen_random_uuid(), id, '1', now() from branches;
    insert into members (id, home_branch_id, number, full_name, created_at, updated_at)
        select gen_random_uuid(), id, '1000001', 'Mona Adel', now(), now() from branches;
    insert into ledger_transactions (id, branch_id, kind, at, business_day, idempotency_key, desk_id, digest)
        select gen_random_uuid(), branch_id, 'cash_in', now(), current_date, gen_random_uuid(), id, sha256('x') from desks;
    insert into ledger_entries (id, transaction_id, account, amount, currency)
        select gen_random_uuid(), t.id, account, amount, 'EGP' from ledger_transactions t, (values ('cash', 100), ('safe', -100)) as e (account, amount);
    insert into scans (id, branch_id, desk_id, member_id, source, at, business_day, outcome, reasons)
        select gen_random_uuid(), d.branch_id, d.id, m.id, 'webcam', now(), current_date, 'refused', '[]' from desks d, members m;
    update members set goal = 'run'";

#[tokio::test]
async fn a_branch_of_the_release_before_is_served_by_the_new_headquarters() {
    let gym = TestGym::new().await;
    gym.plan(everywhere(plan_form("Monthly")), 40_000).await;
    // The gym's own database becomes the headquarters.
    let mut hq = PgConnection::connect(&gym.db.owner_url).await.expect("headquarters");
    store::found(&mut hq, new_id(gym.clock.now())).await.expect("a headquarters");
    let login = gym.db.login("before").await;
    let branch = gym.second_branch("2").await;
    store::enrol(&mut hq, branch, login.get_username(), false).await.expect("enrolled");
    // As that release has enrolled it.
    let grant = format!("grant execute on function hq_push(jsonb) to {}", login.get_username());
    sqlx::query(sqlx::AssertSqlSafe(grant)).execute(&mut hq).await.expect("granted");
    let own = previous().await;
    sqlx::query("select sync_join($1, $2, false)")
        .bind(branch)
        .bind(new_id(gym.clock.now()))
        .execute(&own.owner)
        .await
        .expect("joined");
    let mut line = PgConnection::connect_with(&login).await.expect("headquarters answers");
    for _ in 0..40 {
        round_of_before(&own.owner, &mut line).await;
        if number(&own.owner, "select count(*) from plans").await == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    own.owner
        .execute("delete from branches where code <> '2'")
        .await
        .expect_err("headquarters owns branches");
    let work = WORK.replace("from branches", "from branches where code = '2'");
    own.owner.execute(AssertSqlSafe(work)).await.expect("a day's work");
    round_of_before(&own.owner, &mut line).await;
    differ("facts", &facts(&own.owner, None).await, &facts(&gym.db.owner, Some(branch)).await);
    let members = "select count(*) from members where full_name = 'Mona Adel' and goal = 'run'";
    assert_eq!(number(&gym.db.owner, members).await, 1);
    // The audit agrees, and what was sent is kept as it was sent.
    let day: chrono::NaiveDate =
        sqlx::query_scalar("select (max(at) at time zone 'utc')::date from sync_outbox")
            .fetch_one(&own.owner)
            .await
            .expect("a day");
    let told: Value =
        sqlx::query_scalar("select relay_audit($1)").bind(day).fetch_one(&own.owner).await.expect("sums");
    let audit: Value = sqlx::query_scalar("select hq_audit($1, $2)")
        .bind(day)
        .bind(&told)
        .fetch_one(&mut line)
        .await
        .expect("an audit");
    assert_eq!(audit["agreed"], true, "{audit} {told}");
    let raw = "select array_agg(id || tbl || op || row || coalesce(base, 'null') order by id)";
    let sent: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("{raw} from sync_outbox")))
        .fetch_one(&own.owner)
        .await
        .expect("events");
    let kept: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("{raw} from sync_inbox")))
        .fetch_one(&gym.db.owner)
        .await
        .expect("events");
    assert_eq!(sent, kept);
}

#[tokio::test]
async fn a_branch_that_is_newer_than_its_headquarters_queues_and_says_so() {
    let gym = TestGym::new().await;
    let hq = previous().await;
    let mut owner = PgConnection::connect(&hq.owner_url).await.expect("headquarters");
    let login = hq.login("newer").await;
    sqlx::query("select sync_found($1)")
        .bind(new_id(gym.clock.now()))
        .execute(&mut owner)
        .await
        .expect("a headquarters");
    sqlx::query("select sync_enrol($1, $2::text::name, true)")
        .bind(gym.branch)
        .bind(login.get_username())
        .execute(&mut owner)
        .await
        .expect("enrolled");
    let mut own = gym.db.owner.acquire().await.expect("the branch");
    store::join(&mut own, BranchId(gym.branch.0), new_id(gym.clock.now()), true).await.expect("joined");
    drop(own);
    register(&gym, "Mona Adel").await;
    let waiting = "select count(*) from sync_outbox where answer is null";
    let before = number(&gym.db.owner, waiting).await;
    let mut line = PgConnection::connect_with(&login).await.expect("headquarters answers");
    if PREVIOUS == db::MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0) {
        return;
    }
    for _ in 0..2 {
        let refused = relay::round(&gym.services, &mut line, Limits::default()).await.expect_err("a refusal");
        assert!(matches!(&refused, Stopped::Refused(why) if why == "headquarters_older"), "{refused}");
    }
    assert_eq!(number(&gym.db.owner, waiting).await, before);
    drop(line);
    // Headquarters is brought up to date, and everything comes.
    db::migrate(&hq.owner_url, None).await.expect("migrated");
    let mut line = PgConnection::connect_with(&login).await.expect("headquarters answers");
    relay::round(&gym.services, &mut line, Limits::default()).await.expect("a round");
    assert_eq!(number(&gym.db.owner, waiting).await, 0);
    assert_eq!(number(&hq.owner, "select count(*) from members").await, 1);
}

/// A column's type, and whether a row may leave it out.
type Columns = BTreeMap<(String, String), (String, bool)>;

async fn columns(db: &PgPool) -> Columns {
    let rows: Vec<(String, String, String, bool)> = sqlx::query_as(
        "select c.table_name::text, c.column_name::text, c.udt_name::text,
             c.is_nullable = 'YES' or c.column_default is not null or c.is_identity = 'YES' or c.is_generated = 'ALWAYS'
         from information_schema.columns c join sync_tables t on t.name = c.table_name
         where c.table_schema = 'public' and t.owner <> 'local'",
    )
    .fetch_all(db)
    .await
    .expect("columns");
    rows.into_iter().map(|(table, column, kind, optional)| ((table, column), (kind, optional))).collect()
}

/// What the release before could not live with, a sentence each.
fn contracted(before: &Columns, after: &Columns) -> Vec<String> {
    let mut found = Vec::new();
    for ((table, column), (kind, _)) in before {
        match after.get(&(table.clone(), column.clone())) {
            None => found.push(format!(
                "{table}.{column} was dropped or renamed: branches of the release before still send it. Drop it a release later."
            )),
            Some((now, _)) if now != kind => found.push(format!(
                "{table}.{column} was {kind} and is {now}: branches of the release before still send the former. Add a column instead."
            )),
            Some(_) => {}
        }
    }
    for ((table, column), (_, optional)) in after {
        let is_old_table = before.keys().any(|(known, _)| known == table);
        if is_old_table && !optional && !before.contains_key(&(table.clone(), column.clone())) {
            found.push(format!(
                "{table}.{column} is new, not null and has no default: branches of the release before do not send it. Give it a default."
            ));
        }
    }
    found
}

#[tokio::test]
async fn migrations_since_the_release_before_only_add() {
    let (before, after) = (columns(&previous().await.owner).await, columns(&TestDb::new().await.owner).await);
    assert!(before.len() > 300, "{}", before.len());
    assert_eq!(contracted(&before, &after), Vec::<String>::new());
}

#[tokio::test]
async fn a_migration_that_contracts_is_told_in_a_sentence() {
    let test = previous().await;
    let before = columns(&test.owner).await;
    for (statement, sentence) in [
        ("alter table members rename goal to aim", "members.goal was dropped or renamed"),
        ("alter table scans drop column source", "scans.source was dropped or renamed"),
        (
            "alter table entries add column gate text not null",
            "entries.gate is new, not null and has no default",
        ),
        ("alter table members alter notes type varchar(10)", "members.notes was text and is varchar"),
        ("alter table members add column shoe text not null default ''", ""),
        ("alter table desks add column colour text not null", ""),
    ] {
        let mut tx = test.owner.begin().await.expect("a transaction");
        tx.execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        tx.commit().await.expect("committed");
        let found = contracted(&before, &columns(&test.owner).await).join("\n");
        assert!(found.contains(sentence), "{statement}: {found}");
        if sentence.is_empty() {
            assert!(!found.contains("shoe") && !found.contains("colour"), "{statement}: {found}");
        }
    }
}
