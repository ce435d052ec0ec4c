//! What happens to a subscription after its sale: the rules against a table made without them, then with the services
//! on a real database.
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use gatehouse_core::day::BranchCalendar;
use gatehouse_core::ids::{BranchId, MemberId, PlanId, SubscriptionEventId, SubscriptionId};
use gatehouse_core::plans::wire::{BranchScope, DurationUnit, PlanKind, VisitRule};
use gatehouse_core::subscriptions::actions::{decide, known_on, standing};
use gatehouse_core::subscriptions::model::{Columns, renewal};
use gatehouse_core::subscriptions::store::{EventRow, PlanOnOffer, Record, Sold, TermsRow};
use gatehouse_core::subscriptions::wire::{Act, CancelWhen, EventKind, Status};
use gatehouse_testkit::plan_form;
use serde_json::Value;
use uuid::Uuid;

const GOLDEN: &str = include_str!("golden/subscriptions.jsonl");

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

fn day(value: &Value, name: &str) -> NaiveDate {
    text(value, name).parse().expect("a day")
}

fn number(value: &Value, name: &str) -> i32 {
    value[name].as_i64().map_or(0, |number| i32::try_from(number).expect("a small number"))
}

fn unit(event: &Value) -> DurationUnit {
    if text(event, "unit") == "days" { DurationUnit::Days } else { DurationUnit::Months }
}

fn id(number: usize) -> Uuid {
    Uuid::from_u128(u128::try_from(number).expect("a number"))
}

/// A subscription as the database would hand it over, made by hand.
fn record(unit: DurationUnit, count: i32, starts_on: NaiveDate, event: &Value) -> Record {
    let terms = TermsRow {
        kind: PlanKind::Gym,
        duration_unit: unit,
        duration_count: count,
        visits: None,
        visit_rule: VisitRule::PerDay,
        access_windows: Vec::new(),
        branch_scope: BranchScope::Home,
        branch_ids: Vec::new(),
        anchor_day: starts_on.day(),
        freeze_days: 3660,
        freeze_times: 100,
        minimum_term_days: number(event, "minimum_term_days"),
        notice_days: number(event, "notice_days"),
        auto_renew: false,
    };
    Record {
        terms: terms.parse().expect("terms"),
        sold: Sold {
            id: SubscriptionId(id(1)),
            branch_id: BranchId(id(2)),
            member_id: MemberId(id(3)),
            plan_id: PlanId(id(4)),
            plan_name: "Monthly".to_owned(),
            terms,
            predecessor_id: None,
            trainer: None,
        },
        events: Vec::new(),
        used: Vec::new(),
        owed: 0,
        due_since: None,
    }
}

/// What somebody at the desk does.
fn act_of(event: &Value) -> Act {
    match text(event, "kind") {
        "frozen" => Act::Freeze { from: Some(day(event, "from")), days: number(event, "days") },
        "thawed" => Act::Thaw,
        "gifted" => Act::Gift { days: number(event, "days"), visits: 0 },
        "cancelled" => Act::Cancel {
            when: match text(event, "when") {
                "now" => CancelWhen::Now,
                "at_end" => CancelWhen::AtEnd,
                "notice" => CancelWhen::Notice,
                other => panic!("{other} is no way to cancel"),
            },
        },
        "reinstated" => Act::Reinstate,
        "changed" => Act::Change {
            plan_id: PlanId(id(5)),
            keep_end: event["keep_end"].as_bool().expect("a choice"),
            from: Some(day(event, "on")),
        },
        "transferred" => Act::Transfer { to_member_id: MemberId(id(6)), from: Some(day(event, "on")) },
        other => panic!("{other} is no event"),
    }
}

/// One case of the table under way: its subscriptions, and which event became which row.
struct Case {
    records: Vec<Record>,
    rows: Vec<(usize, SubscriptionEventId)>,
    /// Row of a change or transfer, the subscription it began, and that one's first event.
    begun: Vec<(usize, usize, SubscriptionEventId)>,
}

impl Case {
    fn add(&mut self, of: usize, columns: Columns, at: DateTime<Utc>) {
        let event = SubscriptionEventId(id(1000 + self.rows.len()));
        self.rows.push((of, event));
        self.add_row(of, Columns { id: event, ..columns }, at);
    }

    fn add_row(&mut self, of: usize, columns: Columns, at: DateTime<Utc>) {
        let record = &mut self.records[of];
        record.events.push(EventRow {
            id: columns.id,
            branch_id: BranchId(id(2)),
            seq: record.next_seq(),
            kind: columns.kind,
            at,
            business_day: columns.business_day,
            starts_on: columns.starts_on,
            ends_on: columns.ends_on,
            visits: columns.visits,
            days: columns.days,
            about_event_id: columns.about,
            successor_id: None,
            voids_event_id: columns.voids,
            reason: None,
            ledger_transaction_id: None,
            by: None,
            charged: None,
            currency: None,
        });
    }

    fn happens(&mut self, event: &Value, calendar: BranchCalendar) {
        let at: DateTime<Utc> = text(event, "at").parse().expect("an instant");
        let today = calendar.business_day(at);
        let of = usize::try_from(number(event, "of")).expect("an index");
        let empty = Columns {
            id: SubscriptionEventId(Uuid::nil()),
            kind: EventKind::Sold,
            business_day: today,
            starts_on: None,
            ends_on: None,
            visits: None,
            days: None,
            voids: None,
            about: None,
        };
        let granted = |kind, starts_on, ends_on| Columns {
            kind,
            starts_on: Some(starts_on),
            ends_on: Some(ends_on),
            ..empty
        };
        let act = match text(event, "kind") {
            "sold" => {
                let starts_on = day(event, "start");
                let sold = record(unit(event), number(event, "count"), starts_on, event);
                let ends_on = gatehouse_core::day::end_day(starts_on, sold.terms.duration, starts_on.day())
                    .expect("an end");
                self.records.push(sold);
                return self.add(self.records.len() - 1, granted(EventKind::Sold, starts_on, ends_on), at);
            }
            "renewed" => {
                let from_old_end = event["from_old_end"].as_bool().unwrap_or(false);
                let record = &self.records[of];
                let renewal =
                    renewal(&record.terms, &record.state(), today, &[], from_old_end).expect("a renewal");
                let period = renewal.period;
                return self.add(of, granted(EventKind::Renewed, period.starts_on, period.ends_on), at);
            }
            "voided" => {
                let voided = usize::try_from(number(event, "event")).expect("an index");
                let (of, voids) = self.rows[voided];
                // With a change or a transfer goes what it began.
                if let Some((_, next, begun)) = self.begun.iter().find(|(row, _, _)| *row == voided).copied()
                {
                    self.add_row(
                        next,
                        Columns {
                            id: SubscriptionEventId(id(9000 + next)),
                            kind: EventKind::Voided,
                            voids: Some(begun),
                            ..empty
                        },
                        at,
                    );
                }
                return self.add(of, Columns { kind: EventKind::Voided, voids: Some(voids), ..empty }, at);
            }
            "extended" => {
                let columns = Columns {
                    kind: EventKind::Extended,
                    starts_on: Some(day(event, "on")),
                    days: Some(number(event, "days")),
                    ..empty
                };
                return self.add(of, columns, at);
            }
            _ => act_of(event),
        };
        let plan = matches!(act, Act::Change { .. }).then(|| {
            let mut form = plan_form("Another");
            form.duration_unit = unit(event);
            form.duration_count = number(event, "count");
            PlanOnOffer::unpriced(PlanId(id(5)), form)
        });
        let outcome = decide(&self.records[of], &act, plan.as_ref(), today, at)
            .unwrap_or_else(|error| panic!("{event}: {error}"));
        if let Some((period, _)) = outcome.successor {
            let sold = &self.records[of].sold.terms;
            let (unit, count) = plan.as_ref().map_or((sold.duration_unit, sold.duration_count), |plan| {
                (plan.form.duration_unit, plan.form.duration_count)
            });
            let next = record(unit, count, period.starts_on, &Value::Null);
            self.records.push(next);
            let next = self.records.len() - 1;
            let event = SubscriptionEventId(id(5000 + next));
            let columns = granted(EventKind::Sold, period.starts_on, period.ends_on);
            self.add_row(next, Columns { id: event, ..columns }, at);
            self.begun.push((self.rows.len(), next, event));
        }
        self.add(of, outcome.event, at);
    }
}

#[test]
fn the_days_of_subscriptions_match_the_golden_table() {
    let mut cases = 0;
    let mut answers = 0;
    for line in GOLDEN.lines() {
        let table: Value = serde_json::from_str(line).expect("a case");
        let calendar = BranchCalendar {
            zone: text(&table, "zone").parse().expect("a zone"),
            day_starts_at: u32::try_from(number(&table, "day_starts_at")).expect("an hour"),
        };
        let mut case = Case { records: Vec::new(), rows: Vec::new(), begun: Vec::new() };
        for event in table["events"].as_array().expect("events") {
            case.happens(event, calendar);
        }
        for query in table["queries"].as_array().expect("queries") {
            let on = day(query, "on");
            let record = &case.records[usize::try_from(number(query, "of")).expect("an index")];
            let (state, _) = known_on(record, on);
            let shown = standing(record, &state, on);
            let status = match shown.status {
                Status::Upcoming => "upcoming",
                Status::Active => "active",
                Status::Frozen => "frozen",
                Status::Expired => "expired",
                Status::Cancelled => "cancelled",
                other => panic!("{other:?} without visits and debts"),
            };
            let told = serde_json::json!([shown.starts_on, shown.ends_on, shown.remaining_days, status]);
            let expected = serde_json::json!([
                query["starts_on"],
                query["ends_on"],
                query["remaining"],
                query["status"]
            ]);
            assert_eq!(told, expected, "{} on {on}", text(&table, "name"));
            answers += 1;
        }
        cases += 1;
    }
    assert!(cases >= 200 && answers >= cases, "{cases} cases, {answers} answers");
}
