//! The rule by which two edits become one: the database's function against the same rule written down a second time.
use gatehouse_testkit::TestDb;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use sqlx::{Connection, PgConnection};

/// What `sync_merge` says, said in Rust.
fn merged(base: &Value, here: &Value, edit: &Value) -> (Value, Value) {
    let empty = Map::new();
    let base = base.as_object().unwrap_or(&empty);
    let (here, edit) = (here.as_object().expect("a row"), edit.as_object().expect("a row"));
    let (mut row, mut conflicts) = (here.clone(), Map::new());
    let names: std::collections::BTreeSet<_> = base.keys().chain(edit.keys()).collect();
    for name in names {
        let (b, h, e) = (base.get(name), here.get(name), edit.get(name));
        if e == b || e == h {
            continue;
        }
        match (h, e) {
            (Some(Value::String(h)), Some(Value::String(e))) if name == "updated_at" => {
                row.insert(name.clone(), json!(h.max(e)));
            }
            (Some(inner @ Value::Object(_)), Some(e @ Value::Object(_))) => {
                let (value, clashes) = merged(b.unwrap_or(&Value::Null), inner, e);
                row.insert(name.clone(), value);
                if clashes != json!({}) {
                    conflicts.insert(name.clone(), json!({ "base": b, "kept": e, "lost": inner }));
                }
            }
            _ => {
                if h != b {
                    conflicts.insert(name.clone(), json!({ "base": b, "kept": e, "lost": h }));
                }
                match e {
                    Some(e) => row.insert(name.clone(), e.clone()),
                    None => row.remove(name),
                };
            }
        }
    }
    (Value::Object(row), Value::Object(conflicts))
}

async fn in_the_database(db: &mut PgConnection, base: &Value, here: &Value, edit: &Value) -> (Value, Value) {
    let both: Value = sqlx::query_scalar("select sync_merge($1, $2, $3)")
        .bind(base)
        .bind(here)
        .bind(edit)
        .fetch_one(db)
        .await
        .expect("a merge");
    (both["row"].clone(), both["conflicts"].clone())
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        (0..3_i32).prop_map(|n| json!(n)),
        "[ab]{0,2}".prop_map(|text| json!(text)),
        any::<bool>().prop_map(|b| json!(b)),
        prop::collection::vec(0..3_i32, 0..3).prop_map(|list| json!(list)),
        prop::collection::btree_map("[xyz]", 0..3_i32, 0..3).prop_map(|map| json!(map)),
    ]
}

/// A row of a table: the same columns always.
fn row() -> impl Strategy<Value = Value> {
    (value(), value(), value(), 0..4_i32).prop_map(
        |(a, b, c, at)| json!({ "id": 1, "a": a, "b": b, "c": c, "updated_at": format!("2026-03-1{at}") }),
    )
}

/// The row with some fields changed.
fn edits() -> impl Strategy<Value = Vec<(usize, Value)>> {
    prop::collection::vec((0..3_usize, value()), 0..3)
}

fn edited(row: &Value, edits: &[(usize, Value)]) -> Value {
    let mut row = row.clone();
    for (field, value) in edits {
        row[["a", "b", "c"][*field]] = value.clone();
    }
    row
}

#[test]
fn the_database_merges_by_the_written_rule() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let test = runtime.block_on(TestDb::new());
    let mut db = runtime.block_on(PgConnection::connect(&test.owner_url)).expect("a connection");
    let mut runner = TestRunner::new(Config { cases: 600, failure_persistence: None, ..Config::default() });
    let case = (prop_oneof![1 => Just(Value::Null), 6 => row()], edits(), row(), edits(), any::<bool>());
    let db = std::cell::RefCell::new(&mut db);
    runner
        .run(&case, |(base, mine, other, theirs, related)| {
            // Mostly, both ends began with the same row.
            let start = if base.is_null() { &other } else { &base };
            let here = if related { edited(start, &mine) } else { other.clone() };
            let edit = edited(start, &theirs);
            let said = runtime.block_on(in_the_database(&mut db.borrow_mut(), &base, &here, &edit));
            prop_assert_eq!(&said, &merged(&base, &here, &edit));
            Ok(())
        })
        .expect("the same");
    drop(test);
}

proptest! {
    #[test]
    fn an_edit_that_nobody_crossed_stands_as_it_is(base in row(), changes in edits()) {
        let edit = edited(&base, &changes);
        prop_assert_eq!(merged(&base, &base, &edit), (edit, json!({})));
    }

    #[test]
    fn an_edit_that_changed_nothing_changes_nothing(base in row(), here in row()) {
        prop_assert_eq!(merged(&base, &here, &base), (here, json!({})));
    }

    #[test]
    fn an_edit_that_arrives_twice_is_as_if_once(base in row(), mine in edits(), theirs in edits()) {
        let (here, edit) = (edited(&base, &mine), edited(&base, &theirs));
        let once = merged(&base, &here, &edit).0;
        prop_assert_eq!(&merged(&base, &once, &edit).0, &once);
    }

    #[test]
    fn edits_of_different_fields_stand_both_in_either_order(base in row(), a in value(), b in value()) {
        let (first, second) = (edited(&base, &[(0, a.clone())]), edited(&base, &[(1, b.clone())]));
        let both = edited(&base, &[(0, a), (1, b)]);
        prop_assert_eq!(merged(&base, &first, &second), (both.clone(), json!({})));
        prop_assert_eq!(merged(&base, &second, &first), (both, json!({})));
    }

    #[test]
    fn no_value_is_lost_untold(base in row(), mine in edits(), theirs in edits()) {
        let (here, edit) = (edited(&base, &mine), edited(&base, &theirs));
        let (row, conflicts) = merged(&base, &here, &edit);
        for field in ["a", "b", "c"] {
            let stands = &row[field];
            let was_edited_here = here[field] != base[field];
            let is_object = here[field].is_object() && edit[field].is_object();
            prop_assert!(is_object || !was_edited_here || stands == &here[field] || conflicts[field]["lost"] == here[field]);
        }
    }
}
