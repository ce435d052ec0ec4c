//! The door, from the outside.
use crate::passes::{card, payload};
use chrono::{DateTime, TimeDelta, Utc};
use gatehouse_core::actor::{Actor, DeskActor};
use gatehouse_core::auth::model::Permission;
use gatehouse_core::checkin::emergency::{Ask, Book};
use gatehouse_core::checkin::feed::{entries, feed, inside};
use gatehouse_core::checkin::service::{check_in, check_out, let_in, undo_entry};
use gatehouse_core::checkin::snapshot;
use gatehouse_core::checkin::wire::{
    CheckIn, CheckOut, LetIn, ListEntries, ListFeed, NextAction, Outcome, Reason, Source, UndoEntry, Verdict,
    Who,
};
use gatehouse_core::clock::Clock;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{MemberId, NoteId, PassId, PlanId, ScanId};
use gatehouse_core::members::notes;
use gatehouse_core::members::wire::{AddNote, AtDoor, MemberForm, RegisterMember, SuspendMember};
use gatehouse_core::passes::payload::Payload;
use gatehouse_core::passes::service::{add_alias, revoke};
use gatehouse_core::passes::store::{NewPass, insert};
use gatehouse_core::passes::wire::{AddAlias, PassKind, RevokePass};
use gatehouse_core::plans::wire::{AccessWindow, BranchScope, PlanForm, PlanKind, VisitRule};
use gatehouse_core::sales::wire::{Basket, Line};
use gatehouse_testkit::{TestGym, pack_form, plan_form, without};

async fn held_up(gym: &TestGym, actor: &Actor, text: &str, source: Source) -> Verdict {
    let request = CheckIn { scan_id: ScanId::new(gym.clock.now()), who: Who::Code(text.to_owned()), source };
    judged_alike(gym, actor, request).await
}

/// The verdict, after holding it against that of a desk which cannot ask and has a snapshot of this moment.
async fn judged_alike(gym: &TestGym, actor: &Actor, request: CheckIn) -> Verdict {
    let desk = DeskActor { branch: actor.branch().expect("a branch"), desk: actor.desk().expect("a desk") };
    let snapshot = snapshot::take(&gym.services, desk).await.expect("a snapshot");
    let stored = serde_json::to_string(&snapshot).expect("a snapshot is stored as text");
    let book = Book::new(serde_json::from_str(&stored).expect("and read back"));
    let alone = book.judge(&[], actor, &Ask::CheckIn(&request), gym.clock.now()).expect("a verdict").0;
    let verdict = check_in(&gym.services, actor, request).await.expect("a verdict");
    let said = |verdict: &Verdict| {
        let reasons: Vec<Reason> = verdict
            .reasons
            .iter()
            .filter(|reason| !matches!(reason, Reason::FromSnapshot { .. } | Reason::DeskClockOff { .. }))
            .cloned()
            .map(|reason| match reason {
                // In no order.
                Reason::AmbiguousNumber { mut member_ids } => {
                    member_ids.sort();
                    Reason::AmbiguousNumber { member_ids }
                }
                reason => reason,
            })
            .collect();
        let subscription =
            verdict.subscription.as_ref().map(|shown| (shown.id, shown.days_left, shown.visits_left));
        let member = verdict.member.as_ref().map(|member| (member.id, member.full_name.clone()));
        let entry = (verdict.entry_id.is_some(), verdict.repeated);
        (verdict.outcome, reasons, member, subscription, verdict.notes.clone(), entry, verdict.can_let_in)
    };
    assert_eq!(said(&alone), said(&verdict), "a desk that cannot ask judges by the same rule");
    verdict
}

async fn scanned(gym: &TestGym, text: &str) -> Verdict {
    held_up(gym, &gym.reception, text, Source::Webcam).await
}

pub async fn clicked(gym: &TestGym, member: MemberId) -> Verdict {
    let request =
        CheckIn { scan_id: ScanId::new(gym.clock.now()), who: Who::Member(member), source: Source::Search };
    judged_alike(gym, &gym.reception, request).await
}

/// A member with a card and a plan from today on.
async fn subscriber(gym: &TestGym, plan: PlanId) -> (MemberId, String) {
    let member = gym.member("Mona Adel").await;
    gym.sell_plan(member, plan).await;
    let text = payload(gym, card(gym, member).await.id).await;
    (member, text)
}

async fn rule(gym: &TestGym, sql: &'static str) {
    sqlx::query(sql).execute(&gym.db.owner).await.expect("a rule");
}

fn code(error: Error) -> String {
    error.to_wire().code
}

fn is_entered(verdict: &Verdict) -> bool {
    verdict.entry_id.is_some() && !verdict.repeated
}

#[tokio::test]
async fn a_card_in_force_is_admitted_and_everything_is_stored() {
    let gym = TestGym::new().await;
    let (member, text) = subscriber(&gym, gym.monthly().await).await;
    let verdict = scanned(&gym, &text).await;
    assert_eq!((verdict.outcome, verdict.reasons.as_slice()), (Outcome::Admitted, [].as_slice()));
    assert!(is_entered(&verdict) && !verdict.can_let_in && verdict.next_action.is_none());
    assert_eq!(verdict.member.as_ref().map(|shown| shown.id), Some(member));
    let subscription = verdict.subscription.expect("a subscription");
    assert_eq!((subscription.days_left, subscription.visits_left), (30, None));
    let (outcome, source, pass): (String, String, Option<PassId>) =
        sqlx::query_as("select outcome, source, pass_id from scans where entry_id is not null")
            .fetch_one(&gym.db.owner)
            .await
            .expect("the scan");
    assert_eq!((outcome.as_str(), source.as_str(), pass.is_some()), ("admitted", "webcam", true));
    assert_eq!(gym.count("select count(*) from entries where seq = 1").await, 1);
    assert_eq!(gym.count("select count(*) from visit_uses").await, 0);
}

#[tokio::test]
async fn the_same_nonce_gets_the_same_answer_at_any_desk() {
    let gym = TestGym::new().await;
    let (_, text) = subscriber(&gym, gym.ten_visits().await).await;
    let request =
        CheckIn { scan_id: ScanId::new(gym.clock.now()), who: Who::Code(text), source: Source::Wedge };
    let first = check_in(&gym.services, &gym.reception, request.clone()).await.expect("a verdict");
    gym.clock.advance(TimeDelta::minutes(20));
    for actor in [&gym.reception, &gym.second_reception] {
        let again = check_in(&gym.services, actor, request.clone()).await.expect("a verdict");
        assert!(again.repeated);
        assert_eq!((again.outcome, again.entry_id, again.at), (first.outcome, first.entry_id, first.at));
        assert_eq!(again.reasons, first.reasons);
    }
    assert_eq!(gym.count("select count(*) from scans").await, 1);
    assert_eq!(gym.count("select count(*) from visit_uses").await, 1);
}

#[tokio::test]
async fn a_second_look_at_the_same_desk_shows_the_verdict_again_and_another_desk_refuses() {
    let gym = TestGym::new().await;
    let (_, text) = subscriber(&gym, gym.monthly().await).await;
    let first = scanned(&gym, &text).await;
    gym.clock.advance(TimeDelta::seconds(20));
    let again = scanned(&gym, &text).await;
    assert_eq!((again.outcome, again.repeated, again.entry_id), (Outcome::Admitted, true, first.entry_id));
    let elsewhere = held_up(&gym, &gym.second_reception, &text, Source::Webcam).await;
    assert_eq!(elsewhere.outcome, Outcome::Refused);
    assert_eq!(elsewhere.reasons, [Reason::AlreadyInside { since: first.at }]);
    gym.clock.advance(TimeDelta::minutes(5));
    let handed_back = scanned(&gym, &text).await;
    assert_eq!(handed_back.reasons, [Reason::AlreadyInside { since: first.at }]);
    assert_eq!(gym.count("select count(*) from entries").await, 1);
    assert_eq!(gym.count("select count(*) from scans").await, 4);
}

#[tokio::test]
async fn after_the_window_the_old_visit_is_closed_and_a_new_entry_recorded() {
    let gym = TestGym::new().await;
    let (_, text) = subscriber(&gym, gym.ten_visits().await).await;
    let first = scanned(&gym, &text).await;
    gym.clock.advance(TimeDelta::minutes(121));
    let second = scanned(&gym, &text).await;
    assert!(is_entered(&second), "{second:#?}");
    let closed: Option<uuid::Uuid> =
        sqlx::query_scalar("select entry_id from exits").fetch_optional(&gym.db.owner).await.expect("exits");
    assert_eq!(closed, first.entry_id.map(|id| id.0));
    // A pack loses one visit per business day.
    assert_eq!(gym.count("select count(*) from visit_uses").await, 1);
    assert_eq!(second.subscription.and_then(|shown| shown.visits_left), Some(9));
    gym.clock.advance(TimeDelta::hours(24));
    let next_day = scanned(&gym, &text).await;
    assert_eq!(next_day.subscription.and_then(|shown| shown.visits_left), Some(8));
    // The second visit was over after the branch's hours, without an exit anybody recorded.
    assert_eq!(gym.count("select count(*) from exits").await, 1);
}

#[tokio::test]
async fn a_pack_by_entry_loses_one_each_time() {
    let gym = TestGym::new().await;
    let form = PlanForm { visit_rule: VisitRule::PerEntry, ..pack_form("By entry", 2, 30) };
    let (_, text) = subscriber(&gym, gym.plan(form, 5_000).await).await;
    scanned(&gym, &text).await;
    gym.clock.advance(TimeDelta::minutes(121));
    let last = scanned(&gym, &text).await;
    assert_eq!((last.outcome, last.reasons.as_slice()), (Outcome::Attention, [Reason::LastVisit].as_slice()));
    gym.clock.advance(TimeDelta::minutes(121));
    let none = scanned(&gym, &text).await;
    assert_eq!(
        (none.outcome, none.reasons.as_slice()),
        (Outcome::Refused, [Reason::NoVisitsLeft].as_slice())
    );
}

#[tokio::test]
async fn refused_pays_scans_again() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    let (_, text) = subscriber(&gym, plan).await;
    gym.clock.set("2026-04-20T10:00:00Z");
    let refused = scanned(&gym, &text).await;
    let [Reason::Expired { ended_on }] = refused.reasons[..] else { panic!("{refused:#?}") };
    assert_eq!(ended_on.to_string(), "2026-04-10");
    let Some(NextAction::Renew { subscription_id, price: Some(price), .. }) = refused.next_action else {
        panic!("{:#?}", refused.next_action)
    };
    assert!(price.minor > 0);
    gym.sell(Basket { member_id: None, lines: vec![Line::Renew { subscription_id, from_old_end: false }] })
        .await;
    assert!(is_entered(&scanned(&gym, &text).await));
}

#[tokio::test]
async fn damaged_and_foreign_codes_are_refused_stored_and_lead_to_nobody() {
    let gym = TestGym::new().await;
    let (_, text) = subscriber(&gym, gym.monthly().await).await;
    let mut scans = 0;
    for at in [0, 1, 2, 3, 4, 20, 31, 45, 46] {
        let by = if text.as_bytes()[at] == b'7' { "8" } else { "7" };
        let mut damaged = text.clone();
        damaged.replace_range(at..=at, by);
        let verdict = scanned(&gym, &damaged).await;
        assert!(
            matches!(verdict.reasons[..], [Reason::ForgedPass | Reason::UnknownPass]),
            "{at}: {verdict:#?}"
        );
        assert!(verdict.member.is_none() && verdict.subscription.is_none() && !verdict.can_let_in);
        scans += 1;
    }
    let long = "9".repeat(10_000);
    for foreign in ["https://example.org/menu", "x\0y'; drop table scans; --", "\u{7}", &long, "GH:", "١"] {
        let verdict = scanned(&gym, foreign).await;
        assert_eq!(verdict.outcome, Outcome::Refused, "{foreign:?}");
        assert!(matches!(verdict.reasons[..], [Reason::UnknownPass | Reason::ForgedPass]), "{verdict:#?}");
        scans += 1;
    }
    for empty in ["", "  \r\n"] {
        let request = CheckIn {
            scan_id: ScanId::new(gym.clock.now()),
            who: Who::Code(empty.into()),
            source: Source::Cli,
        };
        let error = check_in(&gym.services, &gym.reception, request).await.unwrap_err().to_wire();
        assert_eq!((error.code.as_str(), error.field.as_deref()), ("required", Some("code")));
    }
    assert_eq!(gym.count("select count(*) from scans where outcome = 'refused'").await, scans);
    assert_eq!(gym.count("select count(*) from scans where member_id is not null").await, 0);
    assert_eq!(gym.count("select max(char_length(code_hint))::bigint from scans").await, 12);
}

#[tokio::test]
async fn an_unknown_member_or_pass_is_refused_with_registering_as_the_next_step() {
    let gym = TestGym::new().await;
    let verdict = clicked(&gym, MemberId::new(gym.clock.now())).await;
    assert_eq!(verdict.reasons, [Reason::UnknownPass]);
    assert!(matches!(verdict.next_action, Some(NextAction::Register)));
    let foreign = Payload::card([9; 8], &[9; 32]).encode();
    assert_eq!(scanned(&gym, &foreign).await.reasons, [Reason::UnknownPass]);
}

#[tokio::test]
async fn a_revoked_card_is_refused_and_says_since_when() {
    let gym = TestGym::new().await;
    let member = gym.member("Mona Adel").await;
    gym.sell_plan(member, gym.monthly().await).await;
    let pass = card(&gym, member).await;
    let text = payload(&gym, pass.id).await;
    let alias = AddAlias { member_id: member, code: "GYM-123".into() };
    add_alias(&gym.services, &gym.reception, alias).await.expect("an alias");
    let request = RevokePass { pass_id: pass.id, reason: "lost".into() };
    revoke(&gym.services, &gym.reception, request).await.expect("revoked");
    for lost in [text.as_str(), "gym-123"] {
        let verdict = scanned(&gym, lost).await;
        let [Reason::PassRevoked { on }] = verdict.reasons[..] else { panic!("{verdict:#?}") };
        assert_eq!((verdict.outcome, on.to_string().as_str()), (Outcome::Refused, "2026-03-11"));
    }
    assert!(is_entered(&clicked(&gym, member).await));
}

#[tokio::test]
async fn old_codes_barcodes_and_typed_numbers_open_too() {
    let gym = TestGym::new().await;
    let form = MemberForm { full_name: "Mona Adel".into(), language: "en".into(), ..MemberForm::default() };
    let request = RegisterMember { id: MemberId::new(gym.clock.now()), form };
    let member = gatehouse_core::members::service::register(&gym.services, &gym.reception, request)
        .await
        .expect("a member");
    gym.sell_plan(member.id, gym.monthly().await).await;
    for code in ["GYM-123", "4006381333931"] {
        let request = AddAlias { member_id: member.id, code: code.into() };
        add_alias(&gym.services, &gym.reception, request).await.expect("an alias");
    }
    let number = member.number.clone();
    let spaced = format!("{} {}", &number[..3], &number[3..]);
    for (text, source) in [
        (" gym-123\r\n", Source::Wedge),
        ("4006381333931", Source::Serial),
        (number.as_str(), Source::Typed),
        (spaced.as_str(), Source::Typed),
    ] {
        gym.clock.advance(TimeDelta::hours(5));
        let verdict = held_up(&gym, &gym.reception, text, source).await;
        assert!(is_entered(&verdict), "{text}: {verdict:#?}");
    }
    let wrong = if number.ends_with('0') { '1' } else { '0' };
    let mistyped = format!("{}{wrong}", &number[..number.len() - 1]);
    let verdict = held_up(&gym, &gym.reception, &mistyped, Source::Typed).await;
    assert_eq!(verdict.reasons, [Reason::MistypedNumber]);
}

#[tokio::test]
async fn a_number_two_branches_gave_out_asks_which_member_is_meant() {
    let gym = TestGym::new().await;
    let (here, there) = (gym.member("Mona Adel").await, gym.member("Omar Said").await);
    let other = gym.second_branch("2").await;
    sqlx::query("update members set number = '1000018', home_branch_id = case when id = $1 then home_branch_id else $2 end")
        .bind(here)
        .bind(other)
        .execute(&gym.db.owner)
        .await
        .expect("the same number twice");
    let verdict = held_up(&gym, &gym.reception, "1000018", Source::Typed).await;
    let [Reason::AmbiguousNumber { member_ids }] = verdict.reasons.as_slice() else { panic!("{verdict:#?}") };
    assert!(member_ids.len() == 2 && member_ids.contains(&here) && member_ids.contains(&there));
    assert_eq!((verdict.outcome, verdict.entry_id), (Outcome::Attention, None));
}

#[tokio::test]
async fn every_refusal_is_listed_the_deciding_one_first() {
    let gym = TestGym::new().await;
    let member = gym.member("Mona Adel").await;
    let nothing = clicked(&gym, member).await;
    assert_eq!(nothing.reasons, [Reason::NoSubscription]);
    assert!(matches!(nothing.next_action, Some(NextAction::Sell { plan_id: None, .. })));
    let suspend = SuspendMember { member_id: member, suspended: true, reason: Some("fight".into()) };
    gatehouse_core::members::service::suspend(&gym.services, &gym.manager, suspend).await.expect("suspended");
    let note = AddNote {
        id: NoteId::new(gym.clock.now()),
        member_id: member,
        body: "Owes a towel".into(),
        at_door: AtDoor::Block,
    };
    notes::add(&gym.services, &gym.reception, note).await.expect("a note");
    let verdict = clicked(&gym, member).await;
    assert_eq!(verdict.reasons, [Reason::Suspended, Reason::BlockedByNote, Reason::NoSubscription]);
    assert_eq!(verdict.notes, ["Owes a towel"]);
    assert!(matches!(verdict.next_action, Some(NextAction::OpenMember { .. })));
}

#[tokio::test]
async fn a_reminder_lets_in_and_asks_for_attention() {
    let gym = TestGym::new().await;
    let (member, text) = subscriber(&gym, gym.monthly().await).await;
    let note = AddNote {
        id: NoteId::new(gym.clock.now()),
        member_id: member,
        body: "Bring the medical form".into(),
        at_door: AtDoor::Remind,
    };
    notes::add(&gym.services, &gym.reception, note).await.expect("a note");
    let verdict = scanned(&gym, &text).await;
    assert!(is_entered(&verdict));
    assert_eq!(
        (verdict.outcome, verdict.reasons.as_slice()),
        (Outcome::Attention, [Reason::Reminder].as_slice())
    );
}

#[tokio::test]
async fn the_last_days_are_mentioned() {
    let gym = TestGym::new().await;
    let (_, text) = subscriber(&gym, gym.monthly().await).await;
    for (at, reasons) in [
        ("2026-04-06T10:00:00Z", vec![]),
        ("2026-04-07T10:00:00Z", vec![Reason::EndsSoon { days_left: 3 }]),
        ("2026-04-10T10:00:00Z", vec![Reason::EndsSoon { days_left: 0 }]),
    ] {
        gym.clock.set(at);
        let verdict = scanned(&gym, &text).await;
        assert!(is_entered(&verdict));
        assert_eq!(verdict.reasons, reasons, "{at}");
    }
}

#[tokio::test]
async fn hours_branches_and_starts_refuse_with_the_day_pass_as_a_way_in() {
    let gym = TestGym::new().await;
    let day_pass = PlanForm { kind: PlanKind::DayPass, ..pack_form("Day pass", 1, 1) };
    let day_pass = gym.plan(day_pass, 9_000).await;
    let morning = AccessWindow { days: (1..=7).collect(), from: "06:00".into(), to: "11:00".into() };
    let off_peak =
        gym.plan(PlanForm { access_windows: vec![morning], ..plan_form("Off-peak") }, 20_000).await;
    let (_, text) = subscriber(&gym, off_peak).await;
    let late = scanned(&gym, &text).await;
    assert_eq!(late.reasons, [Reason::OutsideHours { opens_at: Some("06:00".into()) }]);
    let Some(NextAction::Sell { plan_id, price: Some(price), .. }) = late.next_action else {
        panic!("{:#?}", late.next_action)
    };
    assert_eq!((plan_id, price.minor), (Some(day_pass), 9_000));

    let other = gym.second_branch("2").await;
    let away = gym.at_branch(&gym.reception, other).await;
    let verdict = held_up(&gym, &away, &text, Source::Webcam).await;
    assert_eq!(verdict.reasons, [Reason::WrongBranch { branch: "Zamalek".into() }]);
    let listed =
        PlanForm { branch_scope: BranchScope::Listed, branch_ids: vec![other], ..plan_form("Listed") };
    let listed = gym.plan(listed, 20_000).await;
    let (_, text) = subscriber(&gym, listed).await;
    assert_eq!(scanned(&gym, &text).await.reasons, [Reason::WrongBranch { branch: "Branch 2".into() }]);
    assert!(is_entered(&held_up(&gym, &away, &text, Source::Webcam).await));

    let member = gym.member("Omar Said").await;
    let starts_on = "2026-03-20".parse().expect("a day");
    let plan_id = gym.monthly().await;
    gym.sell(Basket::of(member, Line::New { plan_id, starts_on: Some(starts_on) })).await;
    assert_eq!(clicked(&gym, member).await.reasons, [Reason::NotStarted { starts_on }]);
}

#[tokio::test]
async fn personal_training_never_opens_the_door() {
    let gym = TestGym::new().await;
    let training = PlanForm { kind: PlanKind::PersonalTraining, ..pack_form("Training", 10, 60) };
    let (_, text) = subscriber(&gym, gym.plan(training, 90_000).await).await;
    assert_eq!(scanned(&gym, &text).await.reasons, [Reason::NoSubscription]);
}

#[tokio::test]
async fn a_full_house_and_a_days_limit_refuse() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    let (_, first) = subscriber(&gym, plan).await;
    let (_, second) = subscriber(&gym, plan).await;
    rule(&gym, "update branches set capacity = 1, daily_entries = 2, anti_passback_minutes = 5").await;
    assert!(is_entered(&scanned(&gym, &first).await));
    assert_eq!(scanned(&gym, &second).await.reasons, [Reason::CapacityFull { capacity: 1 }]);
    // Who is inside takes no second place.
    gym.clock.advance(TimeDelta::minutes(6));
    assert!(is_entered(&scanned(&gym, &first).await));
    gym.clock.advance(TimeDelta::minutes(6));
    assert_eq!(scanned(&gym, &first).await.reasons, [Reason::DailyLimit { entries: 2 }]);
    let full = feed(&gym.services, &gym.reception, ListFeed::default()).await.expect("a feed");
    assert_eq!((full.inside, full.capacity), (1, Some(1)));
}

#[tokio::test]
async fn letting_in_needs_permission_and_a_reason_and_is_audited() {
    let gym = TestGym::new().await;
    let (member, _) = subscriber(&gym, gym.monthly().await).await;
    gym.clock.set("2026-05-01T10:00:00Z");
    let refused = clicked(&gym, member).await;
    assert_eq!((refused.outcome, refused.can_let_in), (Outcome::Refused, false));
    let request = |reason: &str| LetIn {
        scan_id: ScanId::new(gym.clock.now()),
        member_id: member,
        reason: reason.to_owned(),
    };
    let error = let_in(&gym.services, &gym.reception, request("friend")).await.unwrap_err();
    assert_eq!(code(error), "forbidden");
    assert_eq!(code(let_in(&gym.services, &gym.manager, request(" ")).await.unwrap_err()), "reason_required");
    let again = request("pays tomorrow");
    let verdict = let_in(&gym.services, &gym.manager, again.clone()).await.expect("let in");
    assert!(is_entered(&verdict) && verdict.outcome == Outcome::Admitted);
    assert_eq!(verdict.reasons[0], Reason::LetInOnce { reason: "pays tomorrow".into() });
    assert!(matches!(verdict.reasons[1], Reason::Expired { .. }));
    let retried = let_in(&gym.services, &gym.manager, again).await.expect("the same");
    assert_eq!((retried.entry_id, retried.repeated), (verdict.entry_id, true));
    assert_eq!(gym.count("select count(*) from audit_log where act = 'entry.let_in'").await, 1);
    assert_eq!(
        gym.count(
            "select count(*) from entries where override_reason = 'pays tomorrow' and subscription_id is null"
        )
        .await,
        1
    );
}

#[tokio::test]
async fn undoing_the_last_entry_gives_the_visit_back() {
    let gym = TestGym::new().await;
    let (_, text) = subscriber(&gym, gym.ten_visits().await).await;
    let entry = scanned(&gym, &text).await;
    assert_eq!(entry.subscription.as_ref().and_then(|shown| shown.visits_left), Some(9));
    let request =
        || UndoEntry { entry_id: entry.entry_id.expect("an entry"), reason: Some("wrong person".into()) };
    let nobody = without(&gym.reception, &[Permission::UndoEntry]);
    assert_eq!(code(undo_entry(&gym.services, &nobody, request()).await.unwrap_err()), "forbidden");
    for _ in 0..2 {
        undo_entry(&gym.services, &gym.reception, request()).await.expect("undone");
    }
    assert_eq!(gym.count("select count(*) from entry_voids").await, 1);
    assert_eq!(gym.count("select count(*) from audit_log where act = 'entry.undone'").await, 1);
    assert_eq!(inside(&gym.services, &gym.reception).await.expect("inside").rows.len(), 0);
    // Not inside any more: the same card opens at once, and takes the visit again.
    let again = scanned(&gym, &text).await;
    assert!(is_entered(&again));
    assert_eq!(again.subscription.and_then(|shown| shown.visits_left), Some(9));
    let first = undo_entry(&gym.services, &gym.reception, request()).await;
    assert!(first.is_ok(), "undone already");
}

#[tokio::test]
async fn only_the_last_entry_can_be_undone_and_only_for_a_while() {
    let gym = TestGym::new().await;
    rule(&gym, "update branches set anti_passback_minutes = 1").await;
    let (_, text) = subscriber(&gym, gym.monthly().await).await;
    let undo = async |verdict: &Verdict| {
        let request = UndoEntry { entry_id: verdict.entry_id.expect("an entry"), reason: None };
        undo_entry(&gym.services, &gym.reception, request).await
    };
    let first = scanned(&gym, &text).await;
    gym.clock.advance(TimeDelta::minutes(3));
    let second = scanned(&gym, &text).await;
    assert_eq!(code(undo(&first).await.unwrap_err()), "not_last_entry");
    gym.clock.advance(TimeDelta::minutes(11));
    assert_eq!(code(undo(&second).await.unwrap_err()), "undo_too_late");
}

#[tokio::test]
async fn checking_out_ends_the_visit_and_coming_back_too_soon_waits() {
    let gym = TestGym::new().await;
    let (member, text) = subscriber(&gym, gym.monthly().await).await;
    let not_inside =
        check_out(&gym.services, &gym.reception, CheckOut { member_id: member }).await.expect("an answer");
    assert_eq!(
        (not_inside.outcome, not_inside.reasons.as_slice()),
        (Outcome::Attention, [Reason::NotInside].as_slice())
    );
    scanned(&gym, &text).await;
    gym.clock.advance(TimeDelta::minutes(50));
    let out =
        check_out(&gym.services, &gym.reception, CheckOut { member_id: member }).await.expect("an answer");
    assert_eq!(out.reasons, [Reason::CheckedOut { minutes: 50 }]);
    assert_eq!(scanned(&gym, &text).await.reasons, [Reason::TooSoon { wait_seconds: 70 * 60 }]);
    let request = ListEntries { member_id: member, limit: None, offset: 0 };
    let history = entries(&gym.services, &gym.reception, request).await.expect("entries");
    assert_eq!((history.total, history.limit, history.rows[0].minutes), (1, 50, Some(50)));
    assert_eq!(inside(&gym.services, &gym.reception).await.expect("inside").rows.len(), 0);
}

#[tokio::test]
async fn an_exit_desk_checks_out_and_a_desk_for_both_ways_turns() {
    let gym = TestGym::new().await;
    let (_, text) = subscriber(&gym, gym.monthly().await).await;
    rule(&gym, "update desks set direction = 'out' where name = '2'").await;
    let out = async || held_up(&gym, &gym.second_reception, &text, Source::Webcam).await;
    assert_eq!(out().await.reasons, [Reason::NotInside]);
    scanned(&gym, &text).await;
    gym.clock.advance(TimeDelta::minutes(30));
    assert_eq!(out().await.reasons, [Reason::CheckedOut { minutes: 30 }]);
    let again = out().await;
    assert_eq!(
        (again.reasons.as_slice(), again.repeated),
        ([Reason::CheckedOut { minutes: 30 }].as_slice(), true)
    );
    assert_eq!(gym.count("select count(*) from exits").await, 1);

    rule(&gym, "update desks set direction = 'both'").await;
    gym.clock.advance(TimeDelta::hours(3));
    let first = out().await;
    assert!(is_entered(&first), "{first:#?}");
    gym.clock.advance(TimeDelta::seconds(10));
    assert!(out().await.repeated);
    gym.clock.advance(TimeDelta::minutes(10));
    assert_eq!(out().await.reasons, [Reason::CheckedOut { minutes: 10 }]);
}

#[tokio::test]
async fn a_visit_nobody_ended_is_over_after_the_branchs_hours() {
    let gym = TestGym::new().await;
    let (_, text) = subscriber(&gym, gym.monthly().await).await;
    scanned(&gym, &text).await;
    gym.clock.advance(TimeDelta::minutes(239));
    let rows = inside(&gym.services, &gym.reception).await.expect("inside").rows;
    assert_eq!(rows.len(), 1);
    gym.clock.advance(TimeDelta::minutes(1));
    assert_eq!(inside(&gym.services, &gym.reception).await.expect("inside").rows.len(), 0);
}

/// A live pass, as a phone would hold it.
async fn phone(gym: &TestGym, member: MemberId, number: u8) -> impl Fn(DateTime<Utc>) -> String + use<> {
    let (pass_number, secret) = ([number; 8], [number; 32]);
    let pass = NewPass {
        id: PassId::new(gym.clock.now()),
        pass_number,
        member_id: member,
        kind: PassKind::Live,
        secret,
        device: Some("phone"),
        issued_at: gym.clock.now(),
        issued_by: None,
    };
    let mut db = gym.db.owner.acquire().await.expect("a connection");
    assert!(insert(&mut db, &pass).await.expect("a pass"));
    move |at| Payload::live(pass_number, &secret, at).encode()
}

#[tokio::test]
async fn a_live_code_opens_once_in_its_window_and_a_refusal_does_not_use_it_up() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    let member = gym.member("Mona Adel").await;
    let phone = phone(&gym, member, 1).await;
    let shown = phone(gym.clock.now());
    assert_eq!(scanned(&gym, &shown).await.reasons, [Reason::NoSubscription]);
    gym.sell_plan(member, plan).await;
    assert!(is_entered(&scanned(&gym, &shown).await));
    let elsewhere = held_up(&gym, &gym.second_reception, &shown, Source::Webcam).await;
    assert_eq!(elsewhere.reasons, [Reason::PassReplayed]);
    gym.clock.advance(TimeDelta::seconds(5));
    assert!(scanned(&gym, &shown).await.repeated, "a second look of the camera");
    gym.clock.advance(TimeDelta::seconds(10));
    assert_eq!(scanned(&gym, &shown).await.reasons, [Reason::PassReplayed]);
    gym.clock.advance(TimeDelta::seconds(65));
    let [Reason::PassExpired { seconds_off }] = scanned(&gym, &shown).await.reasons[..] else {
        panic!("a photo")
    };
    assert!((-120..=-60).contains(&seconds_off));
    assert_eq!(gym.count("select count(*) from pass_steps").await, 1);
    assert_eq!(gym.count("select count(*) from entries").await, 1);
}

#[tokio::test]
async fn phones_that_disagree_alike_point_at_the_desks_clock() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    for number in 1..=3 {
        let member = gym.member(&format!("Member {number}")).await;
        gym.sell_plan(member, plan).await;
        let phone = phone(&gym, member, number).await;
        let verdict = scanned(&gym, &phone(gym.clock.now() + TimeDelta::minutes(10))).await;
        assert_eq!(verdict.reasons[0], Reason::PassExpired { seconds_off: 600 });
        let suspected = verdict.reasons.contains(&Reason::DeskClockOff { seconds_off: 600 });
        assert_eq!(suspected, number == 3);
    }
}

#[tokio::test]
async fn a_locked_desk_shows_the_verdict_and_a_first_name() {
    let gym = TestGym::new().await;
    let (member, text) = subscriber(&gym, gym.monthly().await).await;
    let note = AddNote {
        id: NoteId::new(gym.clock.now()),
        member_id: member,
        body: "Knee surgery".into(),
        at_door: AtDoor::Remind,
    };
    notes::add(&gym.services, &gym.reception, note).await.expect("a note");
    let desk = Actor::Desk(DeskActor { branch: gym.branch, desk: gym.desk });
    let verdict = held_up(&gym, &desk, &text, Source::Webcam).await;
    assert!(is_entered(&verdict));
    let shown = verdict.member.expect("a first name");
    assert_eq!((shown.full_name.as_str(), shown.number.as_str(), shown.photo_file_id), ("Mona", "", None));
    assert!(verdict.subscription.is_none() && verdict.notes.is_empty() && verdict.next_action.is_none());
    let feed = feed(&gym.services, &desk, ListFeed::default()).await.expect("a feed");
    assert_eq!(feed.rows[0].member.as_ref().map(|member| member.full_name.as_str()), Some("Mona"));
    assert!(!feed.rows[0].can_undo);
    let request = LetIn { scan_id: ScanId::new(gym.clock.now()), member_id: member, reason: "x".into() };
    assert_eq!(code(let_in(&gym.services, &desk, request).await.unwrap_err()), "locked");
    let out = check_out(&gym.services, &desk, CheckOut { member_id: member }).await.unwrap_err();
    assert_eq!(code(out), "locked");
    assert_eq!(gym.count("select count(*) from entries where account_id is null").await, 1);
}

#[tokio::test]
async fn the_feed_tells_the_newest_first_and_can_undo_the_desks_last() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    let (_, first) = subscriber(&gym, plan).await;
    let (_, second) = subscriber(&gym, plan).await;
    scanned(&gym, &first).await;
    gym.clock.advance(TimeDelta::seconds(10));
    scanned(&gym, &second).await;
    scanned(&gym, &second).await;
    scanned(&gym, "rubbish").await;
    let feed = feed(&gym.services, &gym.reception, ListFeed::default()).await.expect("a feed");
    assert_eq!(feed.rows.len(), 3, "the repeat is not told twice");
    assert_eq!(feed.rows.iter().filter(|row| row.can_undo).count(), 1);
    assert!(feed.rows[2].entry_id.is_some() && !feed.rows[2].can_undo);
    assert_eq!((feed.inside, feed.capacity), (2, None));
    assert!(feed.rows.iter().all(|row| row.by.as_deref() == Some("reception of the house")));
}

#[tokio::test]
async fn nobody_without_the_permission_scans() {
    let gym = TestGym::new().await;
    let accountant = without(&gym.reception, &[Permission::CheckIn]);
    let request =
        CheckIn { scan_id: ScanId::new(gym.clock.now()), who: Who::Code("1".into()), source: Source::Cli };
    assert_eq!(code(check_in(&gym.services, &accountant, request).await.unwrap_err()), "forbidden");
    assert_eq!(gym.count("select count(*) from scans").await, 0);
}

#[tokio::test]
async fn a_counter_that_is_null_does_not_crash_the_door() {
    let gym = TestGym::new().await;
    // Nothing is counted or capped: no visits, no capacity, no daily entries, no debt rule, a gift without visits.
    let (member, text) = subscriber(&gym, gym.monthly().await).await;
    sqlx::query(
        "insert into subscription_events (id, branch_id, subscription_id, seq, kind, at, business_day, starts_on, days, visits)
         select gen_random_uuid(), branch_id, id, 2, 'gifted', created_at, '2026-03-11', '2026-03-11', 1, null from subscriptions",
    )
    .execute(&gym.db.owner)
    .await
    .expect("a gift");
    let verdict = scanned(&gym, &text).await;
    assert_eq!((verdict.outcome, verdict.subscription.expect("it").visits_left), (Outcome::Admitted, None));
    // A pack whose event has no number of its own has what was agreed: neither a crash nor visits without end.
    let pack = gym.sell_plan(gym.member("Omar Nabil").await, gym.ten_visits().await).await;
    sqlx::query("update subscription_events set visits = null where subscription_id = $1")
        .bind(pack.subscriptions[0].subscription_id)
        .execute(&gym.db.owner)
        .await
        .expect("a counter is lost");
    let holder: MemberId = sqlx::query_scalar("select member_id from subscriptions where id = $1")
        .bind(pack.subscriptions[0].subscription_id)
        .fetch_one(&gym.db.owner)
        .await
        .expect("whose it is");
    let verdict = clicked(&gym, holder).await;
    assert_eq!(
        (verdict.outcome, verdict.subscription.expect("it").visits_left),
        (Outcome::Admitted, Some(9))
    );
    assert_ne!(member, holder);
}

#[tokio::test]
async fn a_door_entry_never_drains_a_personal_training_pack() {
    let gym = TestGym::new().await;
    let training = gym
        .plan(PlanForm { kind: PlanKind::PersonalTraining, ..pack_form("Ten sessions", 10, 90) }, 200_000)
        .await;
    let member = gym.member("Mona Adel").await;
    gym.sell_plan(member, training).await;
    assert_eq!(clicked(&gym, member).await.outcome, Outcome::Refused);
    gym.sell_plan(member, gym.monthly().await).await;
    for _ in 0..3 {
        gym.clock.advance(TimeDelta::hours(5));
        assert_eq!(clicked(&gym, member).await.outcome, Outcome::Admitted);
    }
    assert_eq!(gym.count("select count(*) from visit_uses").await, 0);
}
