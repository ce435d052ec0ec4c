//! An event as people read it; pure.
use super::view::{EventKind, FieldChange};
use serde_json::{Map, Value};

/// What a table's events are about.
pub fn kind(table: &str) -> EventKind {
    match table {
        "scans" | "entries" | "exits" | "entry_voids" | "visit_uses" | "pass_steps" => EventKind::Door,
        "ledger_transactions"
        | "ledger_entries"
        | "charges"
        | "payments"
        | "allocations"
        | "charge_credits"
        | "refunds"
        | "receipts"
        | "vouchers"
        | "payment_requests"
        | "payment_request_charges"
        | "payment_request_events"
        | "collection_attempts"
        | "payment_mandates"
        | "cash_movements"
        | "tills"
        | "till_shifts" => EventKind::Money,
        "subscriptions" | "subscription_events" | "closures" => EventKind::Subscriptions,
        "members" | "member_notes" | "member_pairs" | "measurements" | "passes" | "pass_aliases"
        | "households" | "household_members" | "files" => EventKind::Members,
        "expenses" | "expense_decisions" | "expense_payments" => EventKind::Expenses,
        "stock_movements" => EventKind::Stock,
        "accounts" | "profiles" => EventKind::Staff,
        "gyms" | "branches" | "role_permissions" | "tax_rates" | "plans" | "plan_branches"
        | "plan_prices" | "products" | "product_barcodes" | "product_prices" => EventKind::Settings,
        _ => EventKind::Other,
    }
}

/// A line of the sheet of an outage: what somebody did. The rest follows from such a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Scan,
    Sale,
    Edit,
}

/// Which line an event is; none where it follows from another.
pub fn line(table: &str, op: &str) -> Option<Line> {
    match table {
        "scans" => Some(Line::Scan),
        "ledger_transactions" | "expenses" | "expense_decisions" | "till_shifts" | "stock_movements" => {
            Some(Line::Sale)
        }
        "entry_voids"
        | "subscription_events"
        | "closures"
        | "members"
        | "member_notes"
        | "member_pairs"
        | "measurements"
        | "passes"
        | "pass_aliases"
        | "households"
        | "household_members"
        | "accounts"
        | "profiles" => Some(Line::Edit),
        // A photo comes with the member's row that names it; one that is taken away does not.
        "files" if op == "delete" => Some(Line::Edit),
        _ => None,
    }
}

/// Columns that say nothing to people.
const TECHNICAL: &[&str] = &[
    "id",
    "seq",
    "hash",
    "digest",
    "document",
    "idempotency_key",
    "made_here",
    "created_at",
    "updated_at",
    "business_day",
];
/// Columns that are nobody's to read.
const SECRET: &[&str] = &["password_hash", "pin_hash", "code", "secret"];

fn is_shown(field: &str) -> bool {
    !TECHNICAL.contains(&field) && !SECRET.contains(&field) && !field.ends_with("_id")
}

/// What an event changes: of an edit the fields that differ, of a new or deleted row all that hold something. Without
/// identifiers, hashes and secrets; in the order of their names.
pub fn changes(op: &str, base: Option<&Value>, row: &Value) -> Vec<FieldChange> {
    match op {
        "insert" => between(None, Some(row)),
        "delete" => between(Some(row), None),
        _ => between(base, Some(row)),
    }
}

/// All that a row holds, as `changes` tells it of a new one.
pub fn contents(row: &Value) -> Vec<FieldChange> {
    between(None, Some(row))
}

fn between(before: Option<&Value>, after: Option<&Value>) -> Vec<FieldChange> {
    let empty = Map::new();
    let before = before.and_then(Value::as_object).unwrap_or(&empty);
    let after = after.and_then(Value::as_object).unwrap_or(&empty);
    let fields: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    fields
        .into_iter()
        .filter(|field| is_shown(field))
        .map(|field| FieldChange {
            field: field.clone(),
            before: before.get(field).and_then(text),
            after: after.get(field).and_then(text),
        })
        .filter(|change| change.before != change.after)
        .collect()
}

/// A value as text; nothing for null and what is empty.
pub fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(text).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => fields
            .iter()
            .filter_map(|(name, value)| Some(format!("{name}: {}", text(value)?)))
            .collect::<Vec<_>>()
            .join(", "),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn an_edit_is_told_by_the_fields_that_differ() {
        let base = json!({ "id": "1", "full_name": "Mona", "phone": "+201", "updated_at": "a", "tags": [] });
        let row = json!({ "id": "1", "full_name": "Mona Adel", "phone": null, "updated_at": "b", "tags": ["vip", "new"] });
        let told: Vec<_> = changes("update", Some(&base), &row)
            .into_iter()
            .map(|change| (change.field, change.before, change.after))
            .collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [
                ("full_name".to_owned(), text("Mona"), text("Mona Adel")),
                ("phone".to_owned(), text("+201"), None),
                ("tags".to_owned(), None, text("vip, new")),
            ]
        );
    }

    #[test]
    fn a_new_row_is_told_by_what_it_holds_and_a_deleted_one_by_what_it_held() {
        let row = json!({ "id": "1", "member_id": "2", "body": "Locker 14", "resolved_at": null });
        let made = changes("insert", None, &row);
        assert_eq!(made.len(), 1);
        assert_eq!((made[0].before.as_deref(), made[0].after.as_deref()), (None, Some("Locker 14")));
        let gone = changes("delete", Some(&row), &row);
        assert_eq!((gone[0].before.as_deref(), gone[0].after.as_deref()), (Some("Locker 14"), None));
    }

    proptest! {
        #[test]
        fn no_secret_is_ever_told(op in "insert|update|delete", was in "[a-z]{1,8}", is in "[A-Z]{1,8}") {
            let row = |value: &str| json!({ "password_hash": value, "pin_hash": value, "code": value, "pass_id": value });
            prop_assert!(changes(&op, Some(&row(&was)), &row(&is)).is_empty());
        }

        #[test]
        fn whatever_was_sent_can_be_told(op in ".{0,8}", row in "\\PC{0,20}") {
            let none = changes(&op, None, &json!(row)).is_empty();
            prop_assert!(none);
            let told = changes("insert", None, &json!({ "body": row.clone() })).len();
            prop_assert_eq!(told, usize::from(!row.is_empty()));
        }
    }
}
