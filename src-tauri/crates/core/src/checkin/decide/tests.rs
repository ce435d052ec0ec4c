use super::*;
use crate::day::Duration;
use crate::ids::{ScanId, SubscriptionEventId};
use crate::plans::wire::{AccessWindow, BranchScope, PlanKind, VisitRule};
use crate::subscriptions::access::Window;
use crate::subscriptions::model::{Event, Happening, Period, Terms, fold};
use proptest::prelude::*;

const HERE: BranchId = BranchId(uuid::Uuid::from_u128(1));

fn now() -> DateTime<Utc> {
    "2026-03-11T10:00:00Z".parse().unwrap()
}

fn today() -> NaiveDate {
    "2026-03-11".parse().unwrap()
}

fn rules() -> Rules {
    Rules {
        branch: HERE,
        calendar: BranchCalendar { zone: chrono_tz::Africa::Cairo, day_starts_at: 0 },
        direction: Direction::In,
        anti_passback: TimeDelta::minutes(120),
        auto_checkout: TimeDelta::hours(4),
        daily_entries: None,
        capacity: None,
        debt: DebtRule { currency: "EGP".to_owned(), blocks_from: None, grace_days: 0 },
    }
}

/// From `before` days ago to `ahead` days ahead.
fn subscription(id: u128, before: i64, ahead: i64, visits: Option<i32>) -> Held {
    let terms = Terms {
        kind: PlanKind::Gym,
        duration: Duration::Days(30),
        visits,
        visit_rule: VisitRule::PerDay,
        windows: Vec::new(),
        branch_scope: BranchScope::Home,
        branch_ids: Vec::new(),
        anchor_day: 1,
        freeze_days: 0,
        freeze_times: 0,
        minimum_term_days: 0,
        notice_days: 0,
        auto_renew: false,
    };
    let period =
        Period { starts_on: today() - TimeDelta::days(before), ends_on: today() + TimeDelta::days(ahead) };
    let event = Event {
        id: SubscriptionEventId(uuid::Uuid::from_u128(id)),
        on: period.starts_on,
        what: Happening::Granted { period, visits },
    };
    let state = fold(&terms, &[event]);
    Held { id: SubscriptionId(uuid::Uuid::from_u128(id)), terms, state, used: Vec::new() }
}

fn running() -> Held {
    subscription(1, 10, 20, None)
}

fn member(held: Vec<Held>) -> MemberFacts {
    MemberFacts {
        home_branch: HERE,
        places: Vec::new(),
        suspended: false,
        blocked_by_note: false,
        has_reminder: false,
        held,
        entries: Vec::new(),
        debts: Vec::new(),
    }
}

fn entry(minutes_ago: i64) -> PastEntry {
    let at = now() - TimeDelta::minutes(minutes_ago);
    PastEntry {
        id: EntryId(ScanId::new(at).0),
        at,
        business_day: rules().calendar.business_day(at),
        left_at: None,
        undone: false,
        same_way: false,
        outcome: Outcome::Admitted,
        reasons: Vec::new(),
    }
}

fn at_the_door(member: MemberFacts) -> Facts {
    Facts { presented: Presented::Member, member: Some(member), inside: 0 }
}

fn pass(revoked: bool, seconds_off: Option<i64>, step_used: bool) -> Presented {
    Presented::Pass { revoked_on: revoked.then(today), seconds_off, step_used }
}

/// The reasons' kinds, in order.
fn kinds(decision: &Decision) -> String {
    let kind = |reason: &Reason| serde_json::to_value(reason).unwrap()["kind"].as_str().unwrap().to_owned();
    let told = decision.reasons.iter().map(kind).collect::<Vec<_>>().join(" ");
    format!("{} {told}", decision.outcome.as_str()).trim_end().to_owned()
}

#[test]
fn the_table_of_verdicts() {
    let fine = || at_the_door(member(vec![running()]));
    let with = |change: fn(&mut MemberFacts)| {
        let mut who = member(vec![running()]);
        change(&mut who);
        at_the_door(who)
    };
    let shown = |presented| Facts { presented, ..fine() };
    let table: [(&str, Facts, &str); 29] = [
        ("a running subscription opens", fine(), "admitted"),
        ("nobody knows the code", shown(Presented::Unknown), "refused unknown_pass"),
        ("a forged code names nobody", shown(Presented::Forged), "refused forged_pass"),
        ("a number with a typing mistake", shown(Presented::Mistyped), "refused mistyped_number"),
        ("a number of two members", shown(Presented::Ambiguous(vec![])), "attention ambiguous_number"),
        ("a code whose member was forgotten", Facts { member: None, ..fine() }, "refused unknown_pass"),
        ("a genuine card", shown(pass(false, None, false)), "admitted"),
        ("a revoked card", shown(pass(true, None, false)), "refused pass_revoked"),
        ("a phone with a wrong clock", shown(pass(false, Some(90), false)), "refused pass_expired"),
        ("a photo of a phone that has been in", shown(pass(false, None, true)), "refused pass_replayed"),
        ("revoked goes before the clock", shown(pass(true, Some(90), true)), "refused pass_revoked"),
        ("somebody suspended", with(|who| who.suspended = true), "refused suspended"),
        ("a note that blocks", with(|who| who.blocked_by_note = true), "refused blocked_by_note"),
        ("a note to read out", with(|who| who.has_reminder = true), "attention reminder"),
        (
            "suspended goes before the note and the subscription",
            with(|who| (who.suspended, who.blocked_by_note, who.held) = (true, true, vec![])),
            "refused suspended blocked_by_note no_subscription",
        ),
        ("nothing bought", with(|who| who.held = vec![]), "refused no_subscription"),
        ("ended yesterday", with(|who| who.held = vec![subscription(1, 30, -1, None)]), "refused expired"),
        ("ends today", with(|who| who.held = vec![subscription(1, 30, 0, None)]), "attention ends_soon"),
        (
            "starts tomorrow",
            with(|who| who.held = vec![subscription(1, -1, 30, None)]),
            "refused not_started",
        ),
        (
            "a day pass does not end soon",
            with(|who| who.held = vec![subscription(1, 0, 0, None)]),
            "admitted",
        ),
        (
            "the last of ten visits",
            with(|who| {
                who.held = vec![subscription(1, 20, 20, Some(10))];
                who.held[0].used = (1..10).map(|day| today() - TimeDelta::days(day)).collect();
            }),
            "attention last_visit",
        ),
        (
            "the only visit is no end",
            with(|who| who.held = vec![subscription(1, 20, 20, Some(1))]),
            "admitted",
        ),
        (
            "a pack used up",
            with(|who| {
                who.held = vec![subscription(1, 20, 20, Some(1))];
                who.held[0].used = vec![today() - TimeDelta::days(1)];
            }),
            "refused no_visits_left",
        ),
        (
            "the visit of today pays for the second entry",
            with(|who| {
                who.held = vec![subscription(1, 20, 20, Some(1))];
                who.held[0].used = vec![today()];
                who.entries = vec![entry(130)];
            }),
            "admitted",
        ),
        ("inside for half an hour", with(|who| who.entries = vec![entry(30)]), "refused already_inside"),
        ("inside for longer than the window", with(|who| who.entries = vec![entry(120)]), "admitted"),
        (
            "an entry that was undone",
            with(|who| who.entries = vec![PastEntry { undone: true, ..entry(30) }]),
            "admitted",
        ),
        (
            "left and back too soon",
            with(|who| who.entries = vec![PastEntry { left_at: Some(now()), ..entry(30) }]),
            "refused too_soon",
        ),
        (
            "the same code at the same desk a minute later",
            with(|who| who.entries = vec![PastEntry { same_way: true, ..entry(1) }]),
            "admitted",
        ),
    ];
    for (name, facts, expected) in table {
        assert_eq!(kinds(&decide(&facts, now(), &rules())), expected, "{name}");
    }
}

#[test]
fn the_houses_own_limits_come_last() {
    let mut who = member(vec![]);
    who.entries = vec![entry(200)];
    let facts = Facts { inside: 5, ..at_the_door(who) };
    let full = Rules { capacity: Some(4), daily_entries: Some(1), ..rules() };
    assert_eq!(kinds(&decide(&facts, now(), &full)), "refused no_subscription daily_limit capacity_full");
    // One of the four is the member.
    let mine = Facts { inside: 4, ..facts };
    let full = Rules { daily_entries: None, ..full };
    assert_eq!(kinds(&decide(&mine, now(), &full)), "refused no_subscription");
}

#[test]
fn an_entry_closes_the_visit_before_it_only_while_that_lasts() {
    let closes = |minutes| {
        let mut who = member(vec![running()]);
        who.entries = vec![entry(minutes)];
        match decide(&at_the_door(who), now(), &rules()).effect {
            Effect::Enter { closes, .. } => closes.is_some(),
            other => panic!("{other:?}"),
        }
    };
    assert!(closes(130) && closes(239) && !closes(240) && !closes(2000));
}

#[test]
fn a_revoked_pass_still_leads_out() {
    let mut who = member(vec![running()]);
    who.entries = vec![entry(30)];
    let facts = Facts { presented: pass(true, None, false), ..at_the_door(who) };
    let out = Rules { direction: Direction::Out, ..rules() };
    let decision = decide(&facts, now(), &out);
    assert_eq!(decision.reasons, [Reason::CheckedOut { minutes: 30 }]);
    assert!(matches!(decision.effect, Effect::Leave { .. }));
}

#[test]
fn whoever_is_let_in_uses_a_visit_only_of_what_opens() {
    let mut who = member(vec![subscription(1, 20, 20, Some(10))]);
    who.suspended = true;
    let decision = let_in(&at_the_door(who), now(), &rules(), "says the owner").unwrap();
    assert_eq!(kinds(&decision), "admitted let_in_once suspended");
    assert!(matches!(decision.effect, Effect::Enter { subscription: Some(_), takes_visit: true, .. }));
    let decision = let_in(&at_the_door(member(vec![])), now(), &rules(), "says the owner").unwrap();
    assert!(matches!(decision.effect, Effect::Enter { subscription: None, takes_visit: false, .. }));
    let nobody = Facts { member: None, ..at_the_door(member(vec![])) };
    assert_eq!(let_in(&nobody, now(), &rules(), "who?"), None);
}

prop_compose! {
    fn any_held()(
        id in 1u128..5, before in -5i64..60, length in 0i64..60, visits in proptest::option::of(1i32..12),
        used in proptest::collection::vec(0i64..60, 0..12), training in any::<bool>(), scope in 0..3usize,
        per_entry in any::<bool>(), hours in any::<bool>(),
    ) -> Held {
        let mut held = subscription(id, before, length - before, visits);
        held.used = used.into_iter().map(|ago| today() - TimeDelta::days(ago)).collect();
        held.terms.visit_rule = if per_entry { VisitRule::PerEntry } else { VisitRule::PerDay };
        if training {
            held.terms.kind = PlanKind::PersonalTraining;
        }
        held.terms.branch_scope = [BranchScope::Home, BranchScope::Listed, BranchScope::All][scope];
        if hours {
            let window = AccessWindow { days: vec![1, 3, 5], from: "06:00".into(), to: "12:30".into() };
            held.terms.windows = vec![Window::parse(&window).unwrap()];
        }
        held
    }
}

prop_compose! {
    fn any_entry()(minutes in 0i64..3000, left in proptest::option::of(0i64..400), undone in any::<bool>(), same_way in any::<bool>()) -> PastEntry {
        let one = entry(minutes);
        PastEntry { left_at: left.map(|left| one.at + TimeDelta::minutes(left.min(minutes))), undone, same_way, ..one }
    }
}

prop_compose! {
    fn any_member()(
        held in proptest::collection::vec(any_held(), 0..4), mut entries in proptest::collection::vec(any_entry(), 0..4),
        suspended in any::<bool>(), blocked in proptest::bool::weighted(0.2), reminder in any::<bool>(), elsewhere in proptest::bool::weighted(0.2),
    ) -> MemberFacts {
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        let home_branch = if elsewhere { BranchId(uuid::Uuid::from_u128(2)) } else { HERE };
        MemberFacts { home_branch, suspended, blocked_by_note: blocked, has_reminder: reminder, held, entries, debts: Vec::new(), places: Vec::new() }
    }
}

fn any_presented() -> impl Strategy<Value = Presented> {
    prop_oneof![
        4 => Just(Presented::Member),
        1 => Just(Presented::Unknown),
        1 => Just(Presented::Forged),
        1 => Just(Presented::Mistyped),
        1 => Just(Presented::Ambiguous(Vec::new())),
        4 => (any::<bool>(), proptest::option::of(-900i64..900), any::<bool>())
            .prop_map(|(revoked, off, used)| pass(revoked, off, used)),
    ]
}

prop_compose! {
    fn any_rules()(
        window in 0i64..300, capacity in proptest::option::of(1..5), daily in proptest::option::of(1..4), direction in 0..3usize,
    ) -> Rules {
        Rules {
            anti_passback: TimeDelta::minutes(window),
            capacity,
            daily_entries: daily,
            direction: [Direction::In, Direction::Out, Direction::Both][direction],
            ..rules()
        }
    }
}

prop_compose! {
    fn any_facts()(presented in any_presented(), member in proptest::option::weighted(0.95, any_member()), inside in 0i64..6) -> Facts {
        Facts { presented, member, inside }
    }
}

fn enters(decision: &Decision) -> bool {
    matches!(decision.effect, Effect::Enter { .. })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_suspended_member_never_enters(facts in any_facts(), rules in any_rules()) {
        let suspended = facts.member.as_ref().is_some_and(|member| member.suspended || member.blocked_by_note);
        prop_assert!(!(suspended && enters(&decide(&facts, now(), &rules))));
    }

    #[test]
    fn nobody_enters_without_a_subscription_that_opens(facts in any_facts(), rules in any_rules()) {
        let decision = decide(&facts, now(), &rules);
        let opens = facts.member.as_ref().is_some_and(|member| door::choose(&member.held, &moment(member, now(), &rules)).is_ok());
        prop_assert!(opens || !enters(&decision), "{decision:?}");
    }

    #[test]
    fn nobody_enters_twice_inside_the_window(facts in any_facts(), rules in any_rules()) {
        let inside = facts.member.as_ref().is_some_and(|member| {
            member.entries.iter().any(|entry| !entry.undone && now() - entry.at < rules.anti_passback)
        });
        prop_assert!(!(inside && enters(&decide(&facts, now(), &rules))));
    }

    #[test]
    fn a_code_that_proves_nothing_says_nothing_about_anybody(facts in any_facts(), rules in any_rules()) {
        let proves = matches!(facts.presented, Presented::Member | Presented::Pass { .. });
        let decision = decide(&facts, now(), &rules);
        prop_assert!(proves || (decision.reasons.len() == 1 && decision.subscription.is_none() && decision.effect == Effect::Nothing));
    }

    #[test]
    fn a_refusal_always_says_why_and_an_entry_has_no_refusal_in_it(facts in any_facts(), rules in any_rules()) {
        let decision = decide(&facts, now(), &rules);
        match decision.outcome {
            Outcome::Refused => prop_assert!(!decision.reasons.is_empty() && !enters(&decision)),
            Outcome::Attention => prop_assert!(!decision.reasons.is_empty()),
            Outcome::Admitted => prop_assert!(!matches!(decision.effect, Effect::Nothing)),
        }
        if enters(&decision) {
            let mention = |reason: &Reason| matches!(reason, Reason::EndsSoon { .. } | Reason::LastVisit | Reason::Reminder);
            prop_assert!(decision.reasons.iter().all(mention));
        }
    }

    #[test]
    fn the_same_facts_give_the_same_verdict(facts in any_facts(), rules in any_rules()) {
        prop_assert_eq!(decide(&facts, now(), &rules), decide(&facts, now(), &rules));
    }

    #[test]
    fn more_visits_never_turn_an_entry_into_a_refusal(facts in any_facts(), rules in any_rules(), more in 1i32..20) {
        let mut richer = facts.clone();
        for held in richer.member.iter_mut().flat_map(|member| member.held.iter_mut()) {
            for grant in &mut held.state.grants {
                grant.visits = grant.visits.map(|visits| visits + more);
            }
        }
        prop_assert!(!enters(&decide(&facts, now(), &rules)) || enters(&decide(&richer, now(), &rules)));
    }

    #[test]
    fn one_more_subscription_never_turns_an_entry_into_a_refusal(facts in any_facts(), rules in any_rules(), more in any_held()) {
        let mut richer = facts.clone();
        if let Some(member) = &mut richer.member {
            member.held.push(Held { id: SubscriptionId(uuid::Uuid::from_u128(99)), ..more });
        }
        prop_assert!(!enters(&decide(&facts, now(), &rules)) || enters(&decide(&richer, now(), &rules)));
    }

    #[test]
    fn a_longer_window_never_lets_more_in(facts in any_facts(), rules in any_rules(), longer in 1i64..300) {
        let stricter = Rules { anti_passback: rules.anti_passback + TimeDelta::minutes(longer), ..rules.clone() };
        prop_assert!(enters(&decide(&facts, now(), &rules)) || !enters(&decide(&facts, now(), &stricter)));
    }

    #[test]
    fn whoever_left_by_the_exit_was_inside(facts in any_facts(), rules in any_rules()) {
        if let Effect::Leave { entry } = decide(&facts, now(), &rules).effect {
            let left = facts.member.iter().flat_map(|member| &member.entries).find(|past| past.id == entry);
            prop_assert!(left.is_some_and(|past| past.left_at.is_none() && !past.undone));
        }
    }
}
