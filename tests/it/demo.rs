//! The demo gym is what the services would have made.
use gatehouse_core::clock::Clock;
use gatehouse_core::demo::{self, Demo};
use gatehouse_core::ids::MemberId;
use gatehouse_core::members::service;
use gatehouse_core::members::wire::{MemberForm, RegisterMember};
use gatehouse_testkit::TestGym;

#[tokio::test]
async fn a_demo_gym_balances_and_counts_like_a_lived_one() {
    let gym = TestGym::new().await;
    let demo = Demo { members: 300, days: 120, seed: 11, pack_percent: 40, now: gym.clock.now() };
    let report =
        demo::generate(&gym.services, &gym.db.owner_url, demo.clone(), |_| ()).await.expect("a demo");
    assert_eq!(gym.count("select count(*) from members").await, 300);
    assert!(report.native_names * 10 >= report.members * 3, "{report:?}");
    assert!(report.running * 10 >= report.members * 6, "{report:?}");
    let visits = i64::try_from(report.visits).expect("a number");
    assert!(visits > 5_000, "{report:?}");
    for (question, answer) in [
        ("select count(*) from entries", visits),
        ("select count(*) from scans where outcome = 'admitted'", visits),
        ("select count(*) from scans where (outcome = 'admitted') <> (entry_id is not null)", 0),
        ("select count(*) from entries e left join scans s on s.id = e.scan_id and s.entry_id = e.id and s.at = e.at where s.id is null", 0),
        // Running numbers have no gap.
        ("select count(*) from (select max(seq) <> count(*) as gap from entries group by branch_id, member_id) as runs where gap", 0),
        ("select count(*) from (select max(visit_no) <> count(*) as gap from visit_uses group by subscription_id) as runs where gap", 0),
        ("select count(*) from (select lag(at) over (partition by member_id order by seq) as before, at from entries) as e where before >= at", 0),
        // Every entry lies in a period, every pack's entry uses a visit, and no pack more than it has.
        ("select count(*) from entries e where not exists (select from subscription_events s where s.subscription_id = e.subscription_id
          and e.business_day between s.starts_on and s.ends_on)", 0),
        ("select count(*) from entries e join subscriptions s on s.id = e.subscription_id left join visit_uses u on u.entry_id = e.id
          where (s.visits is not null) <> (u.id is not null)", 0),
        ("select count(*) from (select count(*) as used, (select sum(e.visits) from subscription_events e where e.subscription_id = u.subscription_id) as has
          from visit_uses u group by u.subscription_id) as packs where used > has", 0),
        // Books balance, and nobody owes anything.
        ("select count(*) from (select from ledger_entries group by transaction_id having sum(amount) <> 0) as t", 0),
        ("select coalesce(sum(amount), 0)::bigint from ledger_entries where account = 'receivable'", 0),
        ("select count(*) from subscription_events e left join ledger_transactions t on t.id = e.ledger_transaction_id where t.id is null", 0),
        ("select count(*) from charges c where amount <> (select sum(a.amount) from allocations a where a.charge_id = c.id)", 0),
        ("select count(*) from entries e where e.at > (select max(created_at) from members) and e.at > '2026-03-11T10:00:00Z'", 0),
        ("select count(*) from members m where not exists (select from passes p where p.member_id = m.id)", 0),
    ] {
        assert_eq!(gym.count(question).await, answer, "{question}");
    }
    // Evenings are fuller than nights, and Fridays quieter than Mondays.
    let hour = "select count(*) filter (where h = 19) - 20 * count(*) filter (where h in (2, 3, 4)) from
                (select extract(hour from at at time zone 'Africa/Cairo') as h from entries) as e";
    assert!(gym.count(hour).await > 100);
    let weekday = "select count(*) filter (where d = 1) - count(*) filter (where d = 5) from (select extract(isodow from business_day) as d from entries) as e";
    assert!(gym.count(weekday).await > 50);
    // The next member gets the next number, and a second helping fits beside the first.
    let id = MemberId::new(gym.clock.now());
    let form = MemberForm { full_name: "Mona".into(), ..MemberForm::default() };
    let member = service::register(&gym.services, &gym.reception, RegisterMember { id, form })
        .await
        .expect("registered");
    assert!(member.number.starts_with("100301"), "{}", member.number);
    demo::generate(&gym.services, &gym.db.owner_url, demo, |_| ()).await.expect("a second demo");
    assert_eq!(gym.count("select count(*) from members").await, 601);
}
