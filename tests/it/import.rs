//! Members from another system's CSV file.
use gatehouse_core::auth::model::Role;
use gatehouse_core::clock::Clock;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{MemberId, PlanId};
use gatehouse_core::import::{Finding, Severity, service};
use gatehouse_core::members::number::member_number;
use gatehouse_core::members::wire::{MemberForm, RegisterMember, SearchMembers};
use gatehouse_core::members::{search, service as members};
use gatehouse_core::plans::service::create_plan;
use gatehouse_core::plans::wire::CreatePlan;
use gatehouse_testkit::{TestGym, pack_form, plan_form};

async fn gym_with_plans() -> TestGym {
    let gym = TestGym::new().await;
    for form in [plan_form("Monthly"), pack_form("10 visits", 10, 60)] {
        let request = CreatePlan { id: PlanId::new(gym.clock.now()), form, price_minor: 80_000 };
        create_plan(&gym.services, &gym.manager, request).await.expect("a plan");
    }
    gym
}

const GOOD: &str =
    "\u{feff}full_name;native_name;number;phone;email;birth_date;sex;alias;plan;starts_on;ends_on;visits_left
Mona Adel;منى عادل;;0100 123 4567;mona@example.com;12/03/1996;f;GYM-7;Monthly;2026-03-01;2026-03-31;
Adel Samy;;;0100 123 4567;;;m;;10 VISITS;2026-02-20;2026-04-20;4
\"Samy; the tall\";;5;;;;;;;;;
Hoda Fathy;;OLD-44;;;;;;Monthly;2025-01-01;2025-01-31;
";

fn told(findings: &[Finding]) -> Vec<(u64, &str, &'static str, Severity)> {
    findings
        .iter()
        .map(|finding| (finding.line, finding.field.as_str(), finding.code, finding.severity))
        .collect()
}

#[tokio::test]
async fn a_rehearsal_tells_and_stores_nothing() {
    let gym = gym_with_plans().await;
    let report = service::rehearse(&gym.services, &gym.manager, GOOD.as_bytes()).await.expect("a report");
    assert_eq!(
        (report.rows, report.members, report.subscriptions, report.aliases),
        (4, 4, 2, 2),
        "{report:?}"
    );
    let warnings = [
        (3, "phone", "phone_shared", Severity::Warning),
        (5, "ends_on", "subscription_over", Severity::Warning),
    ];
    assert_eq!(told(&report.findings), warnings);
    assert!(!report.stored);
    assert_eq!(gym.count("select count(*) from members").await, 0);
}

#[tokio::test]
async fn members_come_with_their_cards_and_running_subscriptions_and_never_twice() {
    let gym = gym_with_plans().await;
    let first = service::run(&gym.services, &gym.manager, GOOD.as_bytes(), false).await.expect("a report");
    assert!(first.stored && first.members == 4, "{first:?}");
    let again = service::run(&gym.services, &gym.manager, GOOD.as_bytes(), false).await.expect("a report");
    assert_eq!((again.members, again.already, again.refused), (0, 4, 0), "{again:?}");
    for (question, answer) in [
        ("select count(*) from members", 4),
        ("select count(*) from audit_log where act = 'member.imported'", 4),
        ("select count(*) from pass_aliases where code in ('GYM-7', 'OLD-44')", 2),
        (
            "select count(*) from subscription_events where kind = 'taken_over' and ends_on in ('2026-03-31', '2026-04-20')",
            2,
        ),
        ("select count(*) from subscription_events where visits = 4", 1),
        ("select count(*) from charges", 0),
        ("select count(*) from members where custom_fields->>'old number' = '5'", 1),
    ] {
        assert_eq!(gym.count(question).await, answer, "{question}");
    }
    for query in ["gym-7", "منى", "mona ad"] {
        let request = SearchMembers { query: query.into(), limit: None };
        let hits = search::search(&gym.services, &gym.reception, request).await.expect("hits").rows;
        assert_eq!(hits[0].full_name, "Mona Adel", "{query}");
        assert_eq!(hits[0].ends_on, Some("2026-03-31".parse().expect("a day")));
    }
}

#[tokio::test]
async fn every_error_is_told_with_its_line_and_field() {
    let gym = gym_with_plans().await;
    let form = MemberForm {
        full_name: "Known One".into(),
        birth_date: Some("1990-01-01".parse().expect("a day")),
        ..MemberForm::default()
    };
    let id = MemberId::new(gym.clock.now());
    members::register(&gym.services, &gym.reception, RegisterMember { id, form }).await.expect("registered");
    let file = "full_name,phone,email,birth_date,alias,plan,starts_on,ends_on,visits_left,number
,0100 123 4567,,,,,,,,
Bad Phone,12,,,,,,,,
Bad Mail,,mona@,,,,,,,
Born Later,,,2190-01-01,,,,,,
No Day,,,31/02/1990,,,,,,
Short,,,,ab,,,,,
No Plan,,,,,Gold,2026-03-01,2026-03-31,,
Turned,,,,,Monthly,2026-03-31,2026-03-01,,
Dates Only,,,,,,2026-03-31,,,
No Count,,,,,10 visits,2026-03-01,2026-03-31,,
Counted,,,,,Monthly,2026-03-01,2026-03-31,5,
KNOWN  ONE,,,1990-01-01,,,,,,
Alias One,,,,GYM-1,,,,,
Alias Two,,,,gym-1,,,,,
Few,
Kept,,,,,,,,,NUMBER
Good One,,,,,,,,,
Good One,,,,,,,,,
"
    .replace("NUMBER", &member_number("1", 1));
    let report = service::run(&gym.services, &gym.manager, file.as_bytes(), false).await.expect("a report");
    let error = Severity::Error;
    let expected = [
        (2, "full_name", "required", error),
        (3, "phone", "phone_format", error),
        (4, "email", "email_format", error),
        (5, "birth_date", "date_in_future", error),
        (6, "birth_date", "date_invalid", error),
        (7, "alias", "alias_length", error),
        (8, "plan", "plan_unknown", error),
        (9, "ends_on", "ends_before_start", error),
        (10, "plan", "required", error),
        (11, "visits_left", "required", error),
        (12, "visits_left", "visits_not_counted", error),
        (13, "full_name", "member_known", error),
        (15, "alias", "alias_taken", error),
        (16, "", "wrong_number_of_fields", error),
        (17, "number", "number_taken", error),
        (19, "", "line_twice", error),
    ];
    assert_eq!(told(&report.findings), expected);
    assert!(!report.stored);
    assert_eq!(gym.count("select count(*) from members").await, 1);

    let rest = service::run(&gym.services, &gym.manager, file.as_bytes(), true).await.expect("a report");
    assert_eq!((rest.stored, rest.members, rest.refused), (true, 2, 16), "{rest:?}");
    assert_eq!(gym.count("select count(*) from members").await, 3);
}

#[tokio::test]
async fn numbers_of_ours_are_kept_and_never_given_out_again() {
    let gym = gym_with_plans().await;
    let kept = member_number("1", 1);
    let file = format!("full_name,number\nNew One,\nKept,{kept}\nNew Two,\n");
    service::run(&gym.services, &gym.manager, file.as_bytes(), false).await.expect("a report");
    assert_eq!(gym.count("select count(distinct number) from members").await, 3);
    let who: String = sqlx::query_scalar("select full_name from members where number = $1")
        .bind(&kept)
        .fetch_one(&gym.db.owner)
        .await
        .expect("a member");
    assert_eq!(who, "Kept");
}

#[tokio::test]
async fn only_those_who_may_import_do() {
    let gym = gym_with_plans().await;
    let reception = gym.staff(Role::Reception).await;
    assert!(matches!(
        service::rehearse(&gym.services, &reception, GOOD.as_bytes()).await,
        Err(Error::Forbidden(_))
    ));
    assert!(matches!(
        service::run(&gym.services, &reception, GOOD.as_bytes(), true).await,
        Err(Error::Forbidden(_))
    ));
}
