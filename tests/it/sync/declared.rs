//! Every table says who owns it, and what follows from that holds for the schema as it is.
use gatehouse_testkit::{TestDb, TestGym};
use sqlx::Row;

async fn texts(db: &TestDb, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query).fetch_all(&db.owner).await.unwrap_or_else(|error| panic!("{query}: {error}"))
}

#[tokio::test]
async fn each_table_of_the_schema_has_an_owner_class() {
    let db = TestDb::new().await;
    let undeclared = texts(&db,
        "select c.relname::text from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
           and c.relname <> '_sqlx_migrations' and not exists (select from sync_tables where name = c.relname)").await;
    assert!(
        undeclared.is_empty(),
        "declare them in sync_tables and in the migrations' README: {undeclared:?}"
    );
    let gone = texts(&db, "select name from sync_tables where to_regclass(name) is null").await;
    assert!(gone.is_empty(), "{gone:?}");
}

#[tokio::test]
async fn the_readme_says_the_same() {
    let db = TestDb::new().await;
    let readme = include_str!("../../../migrations/README.md");
    let mut told = Vec::new();
    for line in readme.lines().filter(|line| line.starts_with("| ") && !line.contains("class")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let owner = match cells[1] {
            "HQ-owned" => "headquarters",
            "branch-owned" => "branch",
            "shared" => "shared",
            "local only" => "local",
            other => panic!("a class {other}"),
        };
        told.extend(cells[3].split(", ").map(|name| format!("{name} {owner}")));
    }
    told.sort();
    let mut declared = texts(&db, "select name || ' ' || owner from sync_tables").await;
    declared.sort();
    assert_eq!(told, declared);
}

#[tokio::test]
async fn money_is_sent_with_all_that_it_refers_to_and_in_that_order() {
    let db = TestDb::new().await;
    let links = sqlx::query(
        "select c.conrelid::regclass::text, c.confrelid::regclass::text, a.money, b.money, b.place > a.place, b.owner
         from pg_constraint c join sync_tables a on a.name = c.conrelid::regclass::text
         join sync_tables b on b.name = c.confrelid::regclass::text
         where c.contype = 'f' and a.owner <> 'local'")
        .fetch_all(&db.owner).await.expect("foreign keys");
    assert!(links.len() > 50);
    for link in links {
        let (from, to): (String, String) = (link.get(0), link.get(1));
        assert!(
            !link.get::<bool, _>(2) || link.get(3),
            "{from} is sent first, {to} that it refers to is not"
        );
        assert_ne!(link.get::<String, _>(5), "local", "{from} refers to {to}, which no other database has");
        // A refund's request refers to a payment, which may refer to a request: the second is put off until the first is there.
        let circle = from == "payment_requests" && to == "payments";
        assert!(circle || !link.get::<bool, _>(4), "{from} comes before {to}");
    }
}

#[tokio::test]
async fn a_fact_finds_its_branch() {
    let db = TestDb::new().await;
    let lost = texts(
        &db,
        "select name from sync_tables t where owner = 'branch' and parent is null and not exists (
             select from pg_attribute where attrelid = t.name::regclass and attname = 'branch_id')",
    )
    .await;
    assert!(lost.is_empty(), "{lost:?}");
}

#[tokio::test]
async fn a_database_that_is_alone_pays_nothing() {
    let gym = TestGym::new().await;
    let member = gym.member("Mona Adel").await;
    gym.sell_plan(member, gym.monthly().await).await;
    assert_eq!(gym.count("select count(*) from pg_trigger where tgname like 'sync%'").await, 0);
    for table in ["sync_outbox", "sync_feed", "sync_unfound", "sync_inbox"] {
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {table}")))
            .fetch_one(&gym.db.owner)
            .await
            .expect("a count");
        assert_eq!(rows, 0, "{table}");
    }
}
