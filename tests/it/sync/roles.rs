//! A branch that is not who it says: its role may make a few calls, and what it sends is judged by its session.
use super::{House, number, register};
use gatehouse_core::actor::Actor;
use gatehouse_core::clock::Clock;
use gatehouse_core::ids::new_id;
use gatehouse_core::sync::model::{Limits, Queued, written};
use gatehouse_core::sync::relay::Stopped;
use gatehouse_core::sync::store;
use gatehouse_core::sync::wire::{Answer, Copies, Event, Pushed};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use uuid::Uuid;

/// An event as it goes over the wire.
fn queued(event: &Value) -> Queued {
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    Queued {
        id: text("id").parse().expect("an id"),
        tbl: text("tbl"),
        op: text("op"),
        row: event["row"].to_string(),
        base: event["base"].is_object().then(|| event["base"].to_string()),
        ..Queued::default()
    }
}

async fn sent(hq: &mut PgConnection, events: &[Queued]) -> Answer<Pushed> {
    store::push(hq, &written(events)).await.expect("an answer")
}

async fn pushed(hq: &mut PgConnection, events: &[Value]) -> Vec<Event> {
    match sent(hq, &events.iter().map(queued).collect::<Vec<_>>()).await {
        // What has no answer of its own was plainly taken.
        Answer::Given(pushed) => {
            let plainly = |sent: &Value| Event {
                id: sent["id"].clone(),
                answer: "ok".to_owned(),
                reason: None,
                conflicts: None,
            };
            assert_eq!(pushed.ok + pushed.answers.len(), events.len(), "{pushed:?}");
            if pushed.answers.len() == events.len() {
                return pushed.answers;
            }
            let own = |sent: &Value| pushed.answers.iter().find(|answer| answer.id == sent["id"]).cloned();
            events.iter().map(|sent| own(sent).unwrap_or_else(|| plainly(sent))).collect()
        }
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
    assert_eq!(
        open,
        ["hq_audit", "hq_hello", "hq_lacks", "hq_offer", "hq_own", "hq_pull", "hq_redeem", "hq_send"]
    );
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
    let account = event(&house, "accounts", "insert", &account);
    let batch = [
        event(&house, "members", "insert", &json!(null)),
        event(&house, "members", "insert", &json!(7)),
        event(&house, "members", "insert", &json!([{ "id": 1 }])),
        event(&house, "members", "insert", &json!({ "number": 1 })),
        event(&house, "no_such_table", "insert", &json!({})),
        event(&house, "members; drop table members", "insert", &json!({})),
        event(&house, "members", "truncate", &json!({ "id": 1 })),
        account.clone(),
    ];
    let malformed = |answers: &[Event]| {
        answers.iter().filter(|answer| answer.reason.as_deref() == Some("malformed")).count()
    };
    let answers = pushed(&mut hq, &batch).await;
    assert_eq!(malformed(&answers), 7, "{answers:?}");
    assert_eq!(answers[7].answer, "ok");
    assert_eq!(refusals(&house, "malformed").await, 7);
    // As the release before sends, by the function that is granted to it.
    let grant = format!("grant execute on function hq_push(jsonb) to {}", house.first.link.get_username());
    house.hq.owner.execute(AssertSqlSafe(grant)).await.expect("granted");
    let garbage = json!([null, 7, [], {}, { "id": "x" }, { "id": new_id(house.first.gym.clock.now()), "xid": {} }, { "at": "soon" }, account]);
    let answer: Value =
        sqlx::query_scalar("select hq_push($1)").bind(garbage).fetch_one(&mut hq).await.expect("an answer");
    let answers: Vec<Event> = serde_json::from_value(answer["answers"].clone()).expect("answers");
    assert_eq!((answers.len(), malformed(&answers)), (8, 7), "{answers:?}");
    assert_eq!(answers[7].answer, "ok");
    assert_eq!(refusals(&house, "malformed").await, 14);
    let none: Value = sqlx::query_scalar("select hq_push('{}')").fetch_one(&mut hq).await.expect("an answer");
    assert_eq!(none, json!({ "refused": "too_much" }));
}

#[tokio::test]
async fn an_event_that_comes_twice_in_a_batch_is_one() {
    let house = House::new().await;
    let mut hq = house.first.connect().await;
    let now = house.first.gym.clock.now();
    let account = json!({ "id": new_id(now), "full_name": "A", "username": "a", "created_at": now });
    let account = event(&house, "accounts", "insert", &account);
    let mut twice = [queued(&account), queued(&account)];
    for xids in [[None, None], [Some("7"), Some("7")], [Some("8"), Some("9")]] {
        for (event, xid) in twice.iter_mut().zip(xids) {
            event.xid = xid.map(str::to_owned);
        }
        match sent(&mut hq, &twice).await {
            Answer::Given(pushed) => assert_eq!((pushed.ok, pushed.answers.len()), (2, 0), "{pushed:?}"),
            refused @ Answer::Refused { .. } => panic!("{refused:?}"),
        }
    }
    assert_eq!(number(&house.hq.owner, "select count(*) from accounts where username = 'a'").await, 1);
}

#[tokio::test]
async fn too_much_at_once_is_refused_whole() {
    let house = House::new().await;
    let mut hq = house.first.connect().await;
    let of = |row: String| Queued { tbl: "files".into(), op: "insert".into(), row, ..Queued::default() };
    let refused = |answer: &Answer<Pushed>, why: &str| {
        assert!(matches!(answer, Answer::Refused { refused } if refused == why), "{answer:?}");
    };
    refused(&sent(&mut hq, &[of(json!({ "mime": "x".repeat(40 << 20) }).to_string())]).await, "too_much");
    refused(&sent(&mut hq, &vec![of("{}".into()); 5_001]).await, "too_much");
    // A gigabyte is not even read: it is no JSON, and nobody notices.
    refused(&sent(&mut hq, &[of("[".repeat(1_000_000_000))]).await, "too_much");
    let table = Queued { tbl: "x".repeat(40 << 20), ..of("{}".into()) };
    refused(&sent(&mut hq, &[table]).await, "too_much");
    assert_eq!(refusals(&house, "too_much").await, 4);
    assert_eq!(refusals(&house, "malformed").await, 0);
    for row in ["[", "", "{\"a\": \"\\u0000\"}"] {
        refused(&sent(&mut hq, &[of(row.into())]).await, "malformed");
    }
    let odd = [of("{}".into())];
    let mut uneven = written(&odd);
    uneven.seqs.push(2);
    refused(&store::push(&mut hq, &uneven).await.expect("an answer"), "malformed");
    refused(&sent(&mut hq, &[Queued { xid: Some("x".into()), ..of("{}".into()) }]).await, "malformed");
    assert_eq!(refusals(&house, "malformed").await, 5);
    for call in ["select hq_hello(1, gen_random_uuid(), $1)", "select hq_audit('2026-03-11', $1)"] {
        let answer: Value = sqlx::query_scalar(call)
            .bind(json!({ "at": "x".repeat(100 << 10) }))
            .fetch_one(&mut hq)
            .await
            .expect("an answer");
        assert_eq!(answer, json!({ "refused": "too_much" }), "{call}");
    }
    assert_eq!(refusals(&house, "too_much").await, 6);
    // Nor past the function that measures.
    let past = hq.execute("select hq_push('[]')").await.expect_err("a refusal").to_string();
    assert!(past.contains("permission denied"), "{past}");
}

#[tokio::test]
async fn a_branch_never_sends_what_would_be_refused_for_its_size() {
    let house = House::new().await;
    let db = &house.first.gym.db.owner;
    db.execute(
        "insert into sync_outbox (id, tbl, key, op, row, money)
         select gen_random_uuid(), 'files', 'x', 'insert', jsonb_build_object('id', gen_random_uuid(), 'mime', repeat('x', 33 << 20)), true",
    )
    .await
    .expect("a large event");
    register(&house.first.gym, "Somebody later").await;
    let round = house.first.round().await;
    assert_eq!((round.quarantined, round.put_off), (1, 0));
    assert_eq!(
        number(db, "select count(*) from sync_outbox where answer = 'quarantine' and reason = 'too_large'")
            .await,
        1
    );
    assert_eq!(number(&house.hq.owner, "select count(*) from members").await, 1);
    assert_eq!(refusals(&house, "too_much").await, 0);
}

#[tokio::test]
async fn a_branch_makes_nobody_an_owner_and_changes_no_key_but_its_own_peoples() {
    let house = House::new().await;
    // The founder has brought the owner; and who may set the gym up is written at headquarters.
    let owners = "select count(*) from profiles where kind = 'owner'";
    assert_eq!(number(&house.hq.owner, owners).await, 1);
    house
        .hq
        .owner
        .execute("insert into role_permissions values ('manager', 'edit_settings'), ('reception', 'sell') on conflict do nothing")
        .await
        .expect("a matrix");
    let now = house.first.gym.clock.now();
    let (mut first, mut second) = (house.first.connect().await, house.second.connect().await);
    let account = |id: Uuid| json!({ "id": id, "full_name": "A", "username": id, "created_at": now });
    let profile = |id: Uuid, kind: &str| json!({ "account_id": id, "kind": kind, "created_at": now });
    let new = new_id(now);
    assert_eq!(
        pushed(&mut second, &[event(&house, "accounts", "insert", &account(new))]).await[0].answer,
        "ok"
    );
    let of = |actor: &Actor| actor.account().expect("somebody").0;
    let (owner, theirs) = (of(&house.first.gym.owner), of(&house.first.gym.reception));

    let mut expected = Vec::new();
    let mut attempts = Vec::new();
    let mut attempt = |op: &str, tbl: &str, row: Value, base: Value, rule: Option<&'static str>| {
        let mut event = event(&house, tbl, op, &row);
        event["base"] = base;
        attempts.push(event);
        expected.push(rule);
    };
    let none = Value::Null;
    attempt("insert", "profiles", profile(new, "owner"), none.clone(), Some("branch_grants_no_rule"));
    attempt("insert", "profiles", profile(new, "manager"), none.clone(), Some("branch_grants_no_rule"));
    attempt("insert", "profiles", profile(new, "reception"), none.clone(), None);
    attempt(
        "insert",
        "profiles",
        profile(theirs, "trainer"),
        none.clone(),
        Some("branch_keeps_to_its_staff"),
    );
    attempt(
        "delete",
        "profiles",
        profile(owner, "owner"),
        profile(owner, "owner"),
        Some("branch_grants_no_rule"),
    );
    attempt(
        "delete",
        "profiles",
        profile(theirs, "reception"),
        none.clone(),
        Some("branch_keeps_to_its_staff"),
    );
    for field in ["password_hash", "pin_hash", "username", "email", "phone", "suspended_at"] {
        let value = if field == "suspended_at" { json!(now) } else { json!("mine") };
        for account in [owner, theirs] {
            let row = json!({ "id": account, field: value });
            attempt("update", "accounts", row, json!({ "id": account }), Some("branch_keeps_to_its_staff"));
        }
    }
    attempt("delete", "accounts", json!({ "id": theirs }), none.clone(), Some("branch_keeps_to_its_staff"));
    let harmless = json!({ "id": theirs, "full_name": "As she is called" });
    attempt("update", "accounts", harmless, json!({ "id": theirs }), None);
    let own = json!({ "id": new, "pin_hash": "new" });
    attempt("update", "accounts", own, json!({ "id": new }), None);
    let answers = pushed(&mut second, &attempts).await;
    for ((answer, rule), sent) in answers.iter().zip(&expected).zip(&attempts) {
        assert_eq!(answer.reason.as_deref(), *rule, "{sent}");
        assert_eq!(answer.answer, if rule.is_some() { "quarantine" } else { "ok" }, "{sent}");
    }
    assert_eq!(number(&house.hq.owner, owners).await, 1);
    let touched = "select count(*) from accounts where 'mine' in (password_hash, pin_hash, username, email, phone) or suspended_at is not null";
    assert_eq!(number(&house.hq.owner, touched).await, 0);
    // Each waits at headquarters, under the rule's name.
    let aside = i64::try_from(expected.iter().flatten().count()).expect("a few");
    assert_eq!(
        number(
            &house.hq.owner,
            "select count(*) from sync_quarantine where reason like 'branch\\_%' and resolved_at is null"
        )
        .await,
        aside
    );

    // Not even the branch that the owner came from takes the owner's key; its own people's it changes.
    let change = |id: Uuid| {
        let mut event = event(&house, "accounts", "update", &json!({ "id": id, "pin_hash": "new" }));
        event["base"] = json!({ "id": id });
        event
    };
    let answers = pushed(&mut first, &[change(owner), change(theirs)]).await;
    assert_eq!(answers[0].reason.as_deref(), Some("branch_takes_no_rule"));
    assert_eq!(answers[1].answer, "ok");
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

#[tokio::test]
async fn a_branch_offers_nothing_to_a_headquarters_that_has_lost_nothing() {
    let house = House::new().await;
    let mut hq = house.first.connect().await;
    let plan = json!({ "id": Uuid::nil(), "name": "Free" });
    for table in ["plans", "accounts"] {
        let answer = store::offer(&mut hq, table, std::slice::from_ref(&plan)).await.expect("an answer");
        assert!(matches!(&answer, Answer::Refused { refused } if refused == "nothing_lost"), "{answer:?}");
    }
    assert_eq!(refusals(&house, "nothing_lost").await, 2);
    // Put back, it listens; but not to what is no row, and to nothing that branches may send themselves.
    let mut owner = house.hq.owner.acquire().await.expect("a connection");
    store::restored(&mut owner, new_id(house.first.gym.clock.now())).await.expect("restored");
    let many = vec![plan.clone(); 5_001];
    let long = vec![json!({ "id": Uuid::nil(), "name": "x".repeat(40 << 20) })];
    for (table, rows, why) in [
        ("members", &vec![plan.clone()], "nothing_lost"),
        ("sync_node", &vec![plan.clone()], "nothing_lost"),
        ("nothing", &vec![plan.clone()], "nothing_lost"),
        ("plans", &vec![json!(1)], "malformed"),
        ("plans", &vec![json!({ "id": "x" })], "malformed"),
        ("plans", &vec![json!({ "name": "without a key" })], "malformed"),
        ("plans", &many, "too_much"),
        ("plans", &long, "too_much"),
    ] {
        let answer = store::offer(&mut hq, table, rows).await.expect("an answer");
        assert!(
            matches!(&answer, Answer::Refused { refused } if refused == why),
            "{table} {why}: {answer:?}"
        );
    }
    for (tbl, keys) in [
        ("sessions", json!([])),
        ("sync_node", json!([{ "one": true }])),
        ("members", json!([{ "id": "x" }])),
    ] {
        let copies = Copies { tbl: tbl.to_owned(), keys };
        let answer = store::lacks(&mut hq, &copies).await.expect("an answer");
        assert!(
            matches!(&answer, Answer::Refused { refused } if refused == "malformed"),
            "{tbl}: {answer:?}"
        );
    }
    assert_eq!(number(&house.hq.owner, "select count(*) from sync_offers").await, 0);
    assert_eq!(number(&house.hq.owner, "select count(*) from plans where name = 'Free'").await, 0);
}
