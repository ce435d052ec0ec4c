//! A branch that is not who it says: its role may make three calls, and what it sends is judged by its session.
use super::{House, number, register};
use gatehouse_core::clock::Clock;
use gatehouse_core::ids::new_id;
use gatehouse_core::sync::model::Limits;
use gatehouse_core::sync::relay::Stopped;
use gatehouse_core::sync::store;
use gatehouse_core::sync::wire::{Answer, Event};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

async fn pushed(hq: &mut PgConnection, events: &[Value]) -> Vec<Event> {
    match store::push(hq, events).await.expect("an answer") {
        Answer::Given(pushed) => pushed.answers,
        refused @ Answer::Refused { .. } => panic!("{refused:?}"),
    }
}

async fn refusals(house: &House, reason: &'static str) -> i64 {
    sqlx::query_scalar("select count(*) from sync_refusals where reason = $1")
        .bind(reason)
        .fetch_one(&house.hq.owner)
        .await
        .expect("a count")
}

fn event(house: &House, tbl: &str, op: &str, row: &Value) -> Value {
    json!({ "id": new_id(house.first.gym.clock.now()), "tbl": tbl, "op": op, "row": row })
}

#[tokio::test]
async fn a_branchs_role_reads_nothing_and_runs_nothing_else() {
    let house = House::new().await;
    let mut hq = house.first.connect().await;
    let tables: Vec<String> =
        sqlx::query_scalar("select name from sync_tables").fetch_all(&house.hq.owner).await.expect("tables");
    for table in tables {
        for statement in [format!("select from {table}"), format!("delete from {table}")] {
            let refused = hq.execute(AssertSqlSafe(statement)).await.expect_err("a refusal").to_string();
            assert!(refused.contains("permission denied"), "{table}: {refused}");
        }
    }
    // What may not be called must not be a function that reads or writes with the owner's rights.
    let open: Vec<String> = sqlx::query_scalar(
        "select proname::text from pg_proc where pronamespace = 'public'::regnamespace and prosecdef
           and prorettype <> 'trigger'::regtype and has_function_privilege($1, oid, 'execute') order by 1",
    )
    .bind(house.first.link.get_username())
    .fetch_all(&house.hq.owner)
    .await
    .expect("functions");
    assert_eq!(open, ["hq_audit", "hq_hello", "hq_own", "hq_pull", "hq_push"]);
}

#[tokio::test]
async fn rows_of_another_branch_and_of_headquarters_are_refused_and_written_down() {
    let house = House::new().await;
    let theirs = register(&house.second.gym, "Karim Nabil").await.id;
    house.meet().await;
    let mut hq = house.first.connect().await;
    let now = house.first.gym.clock.now();
    let entry = json!({ "id": new_id(now), "branch_id": house.second.gym.branch, "member_id": theirs, "seq": 1,
        "scan_id": new_id(now), "desk_id": new_id(now), "at": now, "business_day": "2026-03-11" });
    let forged = [
        event(&house, "entries", "insert", &entry),
        event(&house, "branches", "update", &json!({ "id": house.first.gym.branch, "name": "Mine" })),
        event(&house, "role_permissions", "insert", &json!({ "role": "reception", "permission": "refund" })),
        event(&house, "sessions", "insert", &json!({ "id": new_id(now) })),
        event(&house, "sync_branches", "insert", &json!({ "branch_id": new_id(now) })),
    ];
    let answers = pushed(&mut hq, &forged).await;
    for answer in &answers {
        assert_eq!(
            (answer.answer.as_str(), answer.reason.as_deref()),
            ("quarantine", Some("not_yours")),
            "{answer:?}"
        );
    }
    assert_eq!(refusals(&house, "not_yours").await, 5);
    assert_eq!(number(&house.hq.owner, "select count(*) from entries").await, 0);
    // Nor by a key of theirs under a branch of its own.
    let mut second = house.second.connect().await;
    let own = event(&house, "entries", "insert", &entry);
    assert_eq!(pushed(&mut second, std::slice::from_ref(&own)).await[0].answer, "ok");
    let mut taken = entry.clone();
    taken["branch_id"] = json!(house.first.gym.branch);
    for op in ["insert", "update", "delete"] {
        let answer = &pushed(&mut hq, &[event(&house, "entries", op, &taken)]).await[0];
        assert_eq!((answer.answer.as_str(), answer.reason.as_deref()), ("quarantine", Some("not_yours")));
    }
    // Nor under the id of an event that they have sent.
    let mut replayed = own;
    replayed["row"]["branch_id"] = json!(house.first.gym.branch);
    let answer = &pushed(&mut hq, &[replayed]).await[0];
    assert_eq!(answer.reason.as_deref(), Some("forged_id"));
    assert_eq!(refusals(&house, "forged_id").await, 1);
    assert_eq!(number(&house.hq.owner, "select count(*) from entries").await, 1);
}

#[tokio::test]
async fn what_is_no_event_is_refused_and_the_rest_is_taken() {
    let house = House::new().await;
    let mut hq = house.first.connect().await;
    let account = json!({ "id": new_id(house.first.gym.clock.now()), "full_name": "A", "username": "a", "created_at": "2026-03-11T00:00:00Z" });
    let batch = [
        json!(null),
        json!(7),
        json!({}),
        json!({ "id": "x" }),
        event(&house, "no_such_table", "insert", &json!({})),
        event(&house, "members; drop table members", "insert", &json!({})),
        event(&house, "members", "truncate", &json!({ "id": 1 })),
        event(&house, "accounts", "insert", &account),
    ];
    let answers = pushed(&mut hq, &batch).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.reason.as_deref() == Some("malformed")).count(),
        7,
        "{answers:?}"
    );
    assert_eq!(answers[7].answer, "ok");
    assert_eq!(refusals(&house, "malformed").await, 7);
}

#[tokio::test]
async fn too_much_at_once_is_refused_whole() {
    let house = House::new().await;
    let mut hq = house.first.connect().await;
    let large = event(
        &house,
        "files",
        "insert",
        &json!({ "id": new_id(house.first.gym.clock.now()), "mime": "x".repeat(40 << 20) }),
    );
    let many = vec![json!({}); 5_001];
    for batch in [vec![large], many] {
        let answer = store::push(&mut hq, &batch).await.expect("an answer");
        assert!(matches!(&answer, Answer::Refused { refused } if refused == "too_much"), "{answer:?}");
    }
    assert_eq!(refusals(&house, "too_much").await, 2);
    assert_eq!(refusals(&house, "malformed").await, 0);
}

#[tokio::test]
async fn a_revoked_branch_is_told_so_and_goes_on_alone() {
    let house = House::new().await;
    house.hq.owner.execute("update sync_branches set revoked_at = now()").await.expect("revoked");
    let member = register(&house.first.gym, "Mona Adel").await.id;
    let refused = house.first.try_round(Limits::default()).await.expect_err("a refusal");
    assert!(matches!(&refused, Stopped::Refused(why) if why == "not_enrolled"), "{refused}");
    assert_eq!(refusals(&house, "revoked").await, 1);
    // Nothing is lost: it is sent when the branch is let in again.
    house.hq.owner.execute("update sync_branches set revoked_at = null").await.expect("enrolled");
    house.meet().await;
    let there: bool = sqlx::query_scalar("select exists (select from members where id = $1)")
        .bind(member)
        .fetch_one(&house.hq.owner)
        .await
        .expect("an answer");
    assert!(there);
}

#[tokio::test]
async fn another_row_under_a_key_that_is_taken_is_set_aside() {
    let house = House::new().await;
    let mut hq = house.first.connect().await;
    let now = house.first.gym.clock.now();
    let scan = json!({ "id": new_id(now), "branch_id": house.first.gym.branch, "desk_id": new_id(now), "source": "webcam",
        "at": now, "business_day": "2026-03-11", "outcome": "refused", "reasons": [] });
    assert_eq!(pushed(&mut hq, &[event(&house, "scans", "insert", &scan)]).await[0].answer, "ok");
    // The same row under another event is the same row.
    assert_eq!(pushed(&mut hq, &[event(&house, "scans", "insert", &scan)]).await[0].answer, "ok");
    let mut other = scan.clone();
    other["outcome"] = json!("admitted");
    let answer = &pushed(&mut hq, &[event(&house, "scans", "insert", &other)]).await[0];
    assert_eq!(answer.reason.as_deref(), Some("another_row"));
    assert_eq!(number(&house.hq.owner, "select count(*) from scans where outcome = 'refused'").await, 1);
}
