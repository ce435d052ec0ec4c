//! Plans and their dated prices.
use chrono::NaiveDate;
use gatehouse_core::actor::Actor;
use gatehouse_core::auth::model::Role;
use gatehouse_core::clock::Clock;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{AccountId, BranchId, PlanId, new_id};
use gatehouse_core::members::wire::ChooseMember;
use gatehouse_core::money::{LARGEST_MINOR, Money};
use gatehouse_core::plans::service::{
    archive_plan, create_plan, list_plans, restore_plan, set_price, update_plan, withdraw_price,
};
use gatehouse_core::plans::wire::{
    BranchScope, ChoosePlan, CreatePlan, ListPlans, Plan, PlanForm, PlanKind, SetPrice, UpdatePlan,
    WithdrawPrice,
};
use gatehouse_core::subscriptions::service::member_subscriptions;
use gatehouse_testkit::{TestGym, pack_form, plan_form};
use sqlx::Executor as _;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn field(error: Error) -> (String, String) {
    let wire = error.to_wire();
    (wire.field.unwrap_or_default(), wire.code)
}

async fn create(gym: &TestGym, form: PlanForm, price_minor: i64) -> Result<Plan, Error> {
    let request = CreatePlan { id: PlanId(new_id(gym.clock.now())), form, price_minor };
    create_plan(&gym.services, &gym.owner, request).await
}

async fn price(gym: &TestGym, plan_id: PlanId, from: &str, price_minor: i64, here: bool) -> Plan {
    let request = SetPrice { plan_id, from: day(from), price_minor, only_this_branch: here };
    set_price(&gym.services, &gym.owner, request).await.expect("a price")
}

async fn on_sale(gym: &TestGym) -> Vec<Plan> {
    list_plans(&gym.services, &gym.reception, ListPlans { archived: false }).await.expect("plans").rows
}

fn spans(plan: &Plan) -> Vec<(Option<BranchId>, String, Option<String>, i64)> {
    plan.prices
        .iter()
        .map(|price| {
            let until = price.until.map(|day| day.to_string());
            (price.branch_id, price.from.to_string(), until, price.price.minor)
        })
        .collect()
}

#[tokio::test]
async fn a_plan_is_created_once_with_its_price_from_today() {
    let gym = TestGym::new().await;
    let id = PlanId(new_id(gym.clock.now()));
    let request = || CreatePlan { id, form: plan_form(" Monthly "), price_minor: 75_000 };
    let plan = create_plan(&gym.services, &gym.owner, request()).await.expect("a plan");
    assert_eq!(plan.form.name, "Monthly");
    assert_eq!(plan.price, Some(Money::new(75_000, "EGP")));
    assert_eq!(spans(&plan), [(None, "2026-03-11".into(), None, 75_000)]);
    create_plan(&gym.services, &gym.owner, request()).await.expect("a retry");
    assert_eq!(gym.count("select count(*) from plans").await, 1);
    assert_eq!(gym.count("select count(*) from plan_prices").await, 1);
    assert_eq!(gym.count("select count(*) from audit_log where act = 'plan.created'").await, 1);
}

#[tokio::test]
async fn a_plan_that_cannot_be_is_refused_with_the_field_and_stores_nothing() {
    let gym = TestGym::new().await;
    gym.plan(plan_form("Monthly"), 75_000).await;
    let elsewhere = BranchId(new_id(gym.clock.now()));
    for (form, minor, expected) in [
        (plan_form("Yearly"), -1, ("price_minor", "amount_negative")),
        (plan_form("Yearly"), LARGEST_MINOR + 1, ("price_minor", "amount_too_large")),
        (plan_form("MONTHLY"), 1, ("name", "taken")),
        (plan_form(""), 1, ("name", "required")),
        (plan_form(&"x".repeat(10_000)), 1, ("name", "too_long")),
        (plan_form("a\0b"), 1, ("name", "control_characters")),
        (PlanForm { duration_count: 0, ..plan_form("Yearly") }, 1, ("duration_count", "out_of_range")),
        (
            PlanForm {
                branch_scope: BranchScope::Listed,
                branch_ids: vec![elsewhere],
                ..plan_form("Yearly")
            },
            1,
            ("branch_ids", "branch_unknown"),
        ),
    ] {
        let error = create(&gym, form, minor).await.expect_err(expected.1);
        assert_eq!(field(error), (expected.0.to_owned(), expected.1.to_owned()));
    }
    assert_eq!(gym.count("select count(*) from plans").await, 1);
    // What looks like SQL is a name like any other.
    let odd = create(&gym, plan_form("x'); drop table plans; --"), 1).await.expect("a plan");
    assert_eq!(odd.form.name, "x'); drop table plans; --");
    assert_eq!(gym.count("select count(*) from plans").await, 2);
}

#[tokio::test]
async fn the_dearest_price_that_fits_is_kept_to_the_unit() {
    let gym = TestGym::new().await;
    let plan = create(&gym, plan_form("For ever"), LARGEST_MINOR).await.expect("a plan");
    assert_eq!(plan.price.map(|price| price.minor), Some(9_007_199_254_740_991));
}

#[tokio::test]
async fn a_new_price_ends_the_running_one_the_day_before() {
    let gym = TestGym::new().await;
    let id = gym.monthly().await;
    price(&gym, id, "2026-05-01", 90_000, false).await;
    // Between the two: ends where the later one begins.
    let plan = price(&gym, id, "2026-04-01", 80_000, false).await;
    assert_eq!(
        spans(&plan),
        [
            (None, "2026-03-11".into(), Some("2026-04-01".into()), 75_000),
            (None, "2026-04-01".into(), Some("2026-05-01".into()), 80_000),
            (None, "2026-05-01".into(), None, 90_000),
        ]
    );
    // Again on the same day: replaced.
    let plan = price(&gym, id, "2026-04-01", 81_000, false).await;
    assert_eq!(spans(&plan)[1].3, 81_000);
    assert_eq!(plan.prices.len(), 3);
    for (now, minor) in [
        ("2026-03-31T20:00:00Z", 75_000),
        ("2026-04-01T10:00:00Z", 81_000),
        ("2026-04-30T20:00:00Z", 81_000),
        ("2026-05-01T10:00:00Z", 90_000),
    ] {
        gym.clock.set(now);
        assert_eq!(on_sale(&gym).await[0].price, Some(Money::new(minor, "EGP")), "{now}");
    }
    let past = SetPrice { plan_id: id, from: day("2026-04-30"), price_minor: 1, only_this_branch: false };
    let error = set_price(&gym.services, &gym.owner, past).await.expect_err("history");
    assert_eq!(field(error), ("from".to_owned(), "in_past".to_owned()));
}

#[tokio::test]
async fn a_branch_with_a_price_of_its_own_keeps_it() {
    let gym = TestGym::new().await;
    let id = gym.monthly().await;
    let other = gym.second_branch("2").await;
    let there = gym.at_branch(&gym.reception, other).await;
    price(&gym, id, "2026-03-11", 60_000, true).await;
    price(&gym, id, "2026-03-11", 99_000, false).await;
    assert_eq!(on_sale(&gym).await[0].price, Some(gym.money(60_000)));
    let plans = list_plans(&gym.services, &there, ListPlans { archived: false }).await.expect("plans");
    assert_eq!(plans.rows[0].price, Some(gym.money(99_000)));
}

#[tokio::test]
async fn a_planned_price_is_withdrawn_until_it_begins() {
    let gym = TestGym::new().await;
    let plan_id = gym.monthly().await;
    price(&gym, plan_id, "2026-04-01", 80_000, false).await;
    let planned = price(&gym, plan_id, "2026-05-01", 90_000, false).await;
    let withdraw = async |actor: &Actor, price_id| {
        withdraw_price(&gym.services, actor, WithdrawPrice { plan_id, price_id }).await
    };
    let begins = |plan: &Plan, from: &str| {
        plan.prices.iter().find(|price| price.from == day(from)).expect("a price").id
    };
    let (april, may) = (begins(&planned, "2026-04-01"), begins(&planned, "2026-05-01"));
    let error = withdraw(&gym.reception, april).await.expect_err("not reception's");
    assert_eq!(error.to_wire().code, "forbidden");
    // The one before goes on until the next one that is planned.
    let plan = withdraw(&gym.owner, april).await.expect("withdrawn");
    let money: Vec<_> =
        spans(&plan).into_iter().map(|(_, from, until, minor)| (from, until, minor)).collect();
    assert_eq!(
        money,
        [("2026-03-11".into(), Some("2026-05-01".into()), 75_000), ("2026-05-01".into(), None, 90_000)]
    );
    assert_eq!(withdraw(&gym.owner, april).await.expect_err("gone").to_wire().code, "not_found");
    assert_eq!(gym.count("select count(*) from audit_log where act = 'plan.price_withdrawn'").await, 1);

    // What holds today, or held once, is history.
    let running = begins(&plan, "2026-03-11");
    assert_eq!(withdraw(&gym.owner, running).await.expect_err("it runs").to_wire().code, "price_begun");
    gym.clock.set("2026-05-01T10:00:00Z");
    assert_eq!(withdraw(&gym.owner, may).await.expect_err("it began").to_wire().code, "price_begun");
    assert_eq!(withdraw(&gym.owner, running).await.expect_err("it was").to_wire().code, "price_begun");
    assert_eq!(on_sale(&gym).await[0].price, Some(gym.money(90_000)));
}

#[tokio::test]
async fn a_branch_withdraws_its_own_planned_price_and_no_other_branchs() {
    let gym = TestGym::new().await;
    let plan_id = gym.monthly().await;
    let there = gym.at_branch(&gym.owner, gym.second_branch("2").await).await;
    let plan = price(&gym, plan_id, "2026-04-01", 60_000, true).await;
    let own = plan.prices.iter().find(|price| price.branch_id.is_some()).expect("its own").id;
    let request = || WithdrawPrice { plan_id, price_id: own };
    let error = withdraw_price(&gym.services, &there, request()).await.expect_err("not theirs");
    assert_eq!(error.to_wire().code, "not_found");
    let plan = withdraw_price(&gym.services, &gym.owner, request()).await.expect("withdrawn");
    // The price for all branches ran beside it all the time and is as it was.
    assert_eq!(spans(&plan).len(), 1);
    assert_eq!(plan.prices[0].until, None);
}

#[tokio::test]
async fn the_database_refuses_two_prices_for_one_day() {
    let gym = TestGym::new().await;
    gym.monthly().await;
    let twice = "insert into plan_prices (id, plan_id, branch_id, valid, amount, currency, created_at)
        select gen_random_uuid(), plan_id, branch_id, daterange('2027-01-01', '2027-01-02'), 1, currency, created_at from plan_prices";
    let error = gym.db.owner.execute(twice).await.expect_err("two prices");
    assert_eq!(Error::constraint(&error), Some("plan_prices_no_overlap"));
}

#[tokio::test]
async fn prices_set_at_once_never_overlap() {
    let gym = TestGym::new().await;
    let id = gym.monthly().await;
    tokio::join!(
        price(&gym, id, "2026-04-01", 80_000, false),
        price(&gym, id, "2026-04-15", 85_000, false),
        price(&gym, id, "2026-05-01", 90_000, false),
    );
    assert_eq!(
        spans(&on_sale(&gym).await[0]),
        [
            (None, "2026-03-11".into(), Some("2026-04-01".into()), 75_000),
            (None, "2026-04-01".into(), Some("2026-04-15".into()), 80_000),
            (None, "2026-04-15".into(), Some("2026-05-01".into()), 85_000),
            (None, "2026-05-01".into(), None, 90_000),
        ]
    );
}

#[tokio::test]
async fn an_archived_plan_leaves_the_list_and_frees_its_name() {
    let gym = TestGym::new().await;
    let plan_id = gym.monthly().await;
    archive_plan(&gym.services, &gym.owner, ChoosePlan { plan_id }).await.expect("archived");
    assert!(on_sale(&gym).await.is_empty());
    let archived =
        list_plans(&gym.services, &gym.reception, ListPlans { archived: true }).await.expect("plans");
    assert_eq!(archived.rows.len(), 1);
    let successor = create(&gym, plan_form("Monthly"), 80_000).await.expect("the name is free").id;
    let error =
        restore_plan(&gym.services, &gym.owner, ChoosePlan { plan_id }).await.expect_err("two of a name");
    assert_eq!(field(error), ("name".to_owned(), "taken".to_owned()));
    archive_plan(&gym.services, &gym.owner, ChoosePlan { plan_id: successor }).await.expect("archived");
    restore_plan(&gym.services, &gym.owner, ChoosePlan { plan_id }).await.expect("restored");
    assert_eq!(on_sale(&gym).await[0].id, plan_id);
}

#[tokio::test]
async fn editing_a_plan_is_audited_with_before_and_after() {
    let gym = TestGym::new().await;
    let id = gym.monthly().await;
    let form = PlanForm {
        branch_scope: BranchScope::Listed,
        branch_ids: vec![gym.branch],
        ..plan_form("Monthly plus")
    };
    let plan = update_plan(&gym.services, &gym.owner, UpdatePlan { id, form }).await.expect("edited");
    assert_eq!((plan.form.name.as_str(), plan.form.branch_ids), ("Monthly plus", vec![gym.branch]));
    let (before, after): (serde_json::Value, serde_json::Value) =
        sqlx::query_as("select before, after from audit_log where act = 'plan.updated'")
            .fetch_one(&gym.db.owner)
            .await
            .expect("one audit row");
    assert_eq!((&before["name"], &after["name"]), (&"Monthly".into(), &"Monthly plus".into()));
    let unknown = UpdatePlan { id: PlanId(new_id(gym.clock.now())), form: plan_form("Nothing") };
    let error = update_plan(&gym.services, &gym.owner, unknown).await.expect_err("no such plan");
    assert_eq!(error.to_wire().code, "not_found");
}

#[tokio::test]
async fn selling_a_trainers_plan_assigns_the_trainer() {
    let gym = TestGym::new().await;
    let trainer = gym.staff(Role::Trainer).await.account();
    let nobody = AccountId(new_id(gym.clock.now()));
    for not_a_trainer in [gym.reception.account(), Some(nobody)] {
        let form = PlanForm { trainer_account_id: not_a_trainer, ..pack_form("Ten sessions", 10, 90) };
        let error = create(&gym, form, 1).await.expect_err("no trainer");
        assert_eq!(field(error), ("trainer_account_id".to_owned(), "trainer_unknown".to_owned()));
    }
    let form = PlanForm {
        kind: PlanKind::PersonalTraining,
        trainer_account_id: trainer,
        ..pack_form("Ten sessions", 10, 90)
    };
    let plan = create(&gym, form.clone(), 300_000).await.expect("a plan");
    assert_eq!(plan.form.trainer_account_id, trainer);
    let member_id = gym.member("Mona Adel").await;
    gym.sell_plan(member_id, plan.id).await;
    // The plan changes hands; what was sold does not.
    let form = PlanForm { trainer_account_id: None, ..form };
    update_plan(&gym.services, &gym.owner, UpdatePlan { id: plan.id, form }).await.expect("edited");
    let sold =
        member_subscriptions(&gym.services, &gym.owner, ChooseMember { member_id }).await.expect("rows");
    assert_eq!(sold.rows[0].trainer.as_deref(), Some("trainer of the house"));
}

#[tokio::test]
async fn reception_reads_plans_and_does_not_edit_them() {
    let gym = TestGym::new().await;
    let plan_id = gym.monthly().await;
    assert_eq!(on_sale(&gym).await.len(), 1);
    let actor = &gym.reception;
    let form = plan_form("Free for friends");
    let id = PlanId(new_id(gym.clock.now()));
    let denied = [
        create_plan(&gym.services, actor, CreatePlan { id, form: form.clone(), price_minor: 0 }).await,
        update_plan(&gym.services, actor, UpdatePlan { id: plan_id, form }).await,
        set_price(
            &gym.services,
            actor,
            SetPrice { plan_id, from: day("2026-03-11"), price_minor: 0, only_this_branch: false },
        )
        .await,
        archive_plan(&gym.services, actor, ChoosePlan { plan_id }).await,
        restore_plan(&gym.services, actor, ChoosePlan { plan_id }).await,
    ];
    for result in denied {
        assert_eq!(result.expect_err("not theirs to edit").to_wire().code, "forbidden");
    }
}
