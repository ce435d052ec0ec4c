//! A gym with a branch, two desks and staff, ready to work in.
use crate::{FakeClock, TestDb};
use gatehouse_core::actor::{Actor, StaffActor};
use gatehouse_core::auth::model::{Permission, Role, default_permissions};
use gatehouse_core::clock::Clock;
use gatehouse_core::ids::{AccountId, BranchId, DeskId, GymId, MemberId, PlanId, SessionId, new_id};
use gatehouse_core::money::Money;
use gatehouse_core::payments::wire::{Method, Payment};
use gatehouse_core::plans;
use gatehouse_core::plans::wire::{BranchScope, CreatePlan, DurationUnit, PlanForm, PlanKind, VisitRule};
use gatehouse_core::sales::service as sales;
use gatehouse_core::sales::wire::{Basket, Line, Sale, Sell};
use gatehouse_core::sealed::KeyFile;
use gatehouse_core::services::Services;
use sqlx::PgPool;
use std::collections::BTreeSet;
use std::sync::Arc;
use tempfile::TempDir;

/// What can differ between gyms.
#[derive(Clone, Debug)]
pub struct GymSetup {
    /// Where the clock stands first.
    pub now: &'static str,
    pub time_zone: &'static str,
    pub currency: &'static str,
    pub day_starts_at: i16,
}

impl Default for GymSetup {
    /// Wednesday, 11 March 2026, 12:00 in Cairo.
    fn default() -> Self {
        Self { now: "2026-03-11T10:00:00Z", time_zone: "Africa/Cairo", currency: "EGP", day_starts_at: 0 }
    }
}

/// A gym of its own in a database of its own. Staff have rows, roles and no session to log in with.
pub struct TestGym {
    /// Works as the app role.
    pub services: Services,
    pub clock: FakeClock,
    pub branch: BranchId,
    pub desk: DeskId,
    pub second_desk: DeskId,
    pub owner: Actor,
    pub manager: Actor,
    pub reception: Actor,
    /// Reception at the second desk.
    pub second_reception: Actor,
    pub setup: GymSetup,
    pub db: TestDb,
    _files: TempDir,
}

impl TestGym {
    /// A gym in Cairo that sells in Egyptian pounds.
    pub async fn new() -> Self {
        Self::with(GymSetup::default()).await
    }

    /// # Panics
    /// When the database refuses the rows.
    pub async fn with(setup: GymSetup) -> Self {
        Self::inside(TestDb::new().await, setup).await
    }

    /// A gym in a migrated, empty database.
    ///
    /// # Panics
    /// When the database refuses the rows.
    pub async fn inside(db: TestDb, setup: GymSetup) -> Self {
        let clock = FakeClock::at(setup.now);
        let now = clock.now();
        let files = tempfile::tempdir().expect("a temporary folder");
        let gym = GymId::new(now);
        sqlx::query(
            "insert into gyms (id, name, default_country, created_at) values ($1, 'Iron House', 'EG', $2)",
        )
        .bind(gym)
        .bind(now)
        .execute(&db.owner)
        .await
        .expect("a gym");
        for role in Role::STAFF {
            for permission in default_permissions(role) {
                sqlx::query("insert into role_permissions (role, permission) values ($1, $2)")
                    .bind(role.as_str())
                    .bind(permission.as_str())
                    .execute(&db.owner)
                    .await
                    .expect("a permission");
            }
        }
        let branch = insert_branch(&db.owner, &clock, gym, "1", "Zamalek", &setup).await;
        Self::staffed(db, setup, clock, files, branch).await
    }

    /// A branch whose row is in the database already: two desks and staff of its own.
    ///
    /// # Panics
    /// When the database refuses the rows.
    pub async fn of_branch(db: TestDb, setup: GymSetup, branch: BranchId) -> Self {
        let clock = FakeClock::at(setup.now);
        Self::staffed(db, setup, clock, tempfile::tempdir().expect("a temporary folder"), branch).await
    }

    async fn staffed(
        db: TestDb,
        setup: GymSetup,
        clock: FakeClock,
        files: TempDir,
        branch: BranchId,
    ) -> Self {
        let desk = insert_desk(&db.owner, &clock, branch, "1").await;
        let second_desk = insert_desk(&db.owner, &clock, branch, "2").await;
        let mut staff = Vec::new();
        for (role, desk) in [
            (Role::Owner, desk),
            (Role::Manager, desk),
            (Role::Reception, desk),
            (Role::Reception, second_desk),
        ] {
            staff.push(insert_staff(&db.owner, &clock, role, branch, desk).await);
        }
        let [owner, manager, reception, second_reception] =
            staff.try_into().expect("as many actors as were made");
        let keys = KeyFile::at(files.path().join("secrets.key"));
        let services = Services::new(db.app.clone(), Arc::new(clock.clone()), files.path().to_owned(), keys);
        Self {
            services,
            clock,
            branch,
            desk,
            second_desk,
            owner,
            manager,
            reception,
            second_reception,
            setup,
            db,
            _files: files,
        }
    }

    /// Somebody of the staff at the first desk, with the permissions a new gym gives the role.
    ///
    /// # Panics
    /// When the database refuses the rows.
    pub async fn staff(&self, role: Role) -> Actor {
        insert_staff(&self.db.owner, &self.clock, role, self.branch, self.desk).await
    }

    /// Another branch of the gym, in the same zone and currency.
    ///
    /// # Panics
    /// When the database refuses the row, as for a code that is taken.
    pub async fn second_branch(&self, code: &str) -> BranchId {
        let gym = sqlx::query_scalar("select id from gyms").fetch_one(&self.db.owner).await.expect("a gym");
        insert_branch(&self.db.owner, &self.clock, gym, code, &format!("Branch {code}"), &self.setup).await
    }

    /// The same person at a desk of another branch.
    ///
    /// # Panics
    /// For an actor who is no staff.
    pub async fn at_branch(&self, actor: &Actor, branch: BranchId) -> Actor {
        let desk =
            insert_desk(&self.db.owner, &self.clock, branch, &new_id(self.clock.now()).to_string()).await;
        match actor {
            Actor::Staff(staff) => Actor::Staff(StaffActor { branch, desk, ..staff.clone() }),
            Actor::Desk(_) | Actor::System { .. } => panic!("only staff changes desks"),
        }
    }

    /// A member of the first branch, with no number worth typing.
    ///
    /// # Panics
    /// When the database refuses the row.
    pub async fn member(&self, full_name: &str) -> MemberId {
        let now = self.clock.now();
        let id = MemberId::new(now);
        sqlx::query(
            "insert into members (id, home_branch_id, number, full_name, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $5)",
        )
        .bind(id)
        .bind(self.branch)
        .bind(id.to_string())
        .bind(full_name)
        .bind(now)
        .execute(&self.db.owner)
        .await
        .expect("a member");
        id
    }

    /// A plan on sale from today, in the gym's currency.
    ///
    /// # Panics
    /// When the service refuses it.
    pub async fn plan(&self, form: PlanForm, price_minor: i64) -> PlanId {
        let id = PlanId::new(self.clock.now());
        let request = CreatePlan { id, form, price_minor };
        plans::service::create_plan(&self.services, &self.owner, request).await.expect("a plan");
        id
    }

    /// A month of unlimited visits at the home branch for 750.00.
    ///
    /// # Panics
    /// When the gym has one already.
    pub async fn monthly(&self) -> PlanId {
        self.plan(plan_form("Monthly"), 75_000).await
    }

    /// Ten visits within 60 days for 400.00.
    ///
    /// # Panics
    /// When the gym has one already.
    pub async fn ten_visits(&self) -> PlanId {
        self.plan(pack_form("Ten visits", 10, 60), 40_000).await
    }

    /// Money of the gym.
    pub fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.setup.currency)
    }

    /// A payment in cash, exactly counted.
    pub fn cash(&self, minor: i64) -> Payment {
        Payment { method: Method::Cash, amount: self.money(minor), tendered: None, reference: None }
    }

    /// Sells or renews at today's price for cash, as reception.
    ///
    /// # Panics
    /// When the service refuses it.
    pub async fn sell(&self, basket: Basket) -> Sale {
        let request = self.sale_of(basket).await;
        sales::sell(&self.services, &self.reception, request).await.expect("a sale")
    }

    /// Sells a plan from today for cash.
    ///
    /// # Panics
    /// When the service refuses it.
    pub async fn sell_plan(&self, member_id: MemberId, plan_id: PlanId) -> Sale {
        self.sell(Basket::of(member_id, Line::New { plan_id, starts_on: None })).await
    }

    /// The request that the desk sends once it has seen the preview: cash, exactly counted, a new key.
    ///
    /// # Panics
    /// When the basket has no preview.
    pub async fn sale_of(&self, basket: Basket) -> Sell {
        let preview =
            sales::sale_preview(&self.services, &self.reception, basket.clone()).await.expect("a preview");
        let payments =
            if preview.total.minor == 0 { Vec::new() } else { vec![self.cash(preview.total.minor)] };
        Sell {
            idempotency_key: new_id(self.clock.now()),
            basket,
            expected_total: preview.total,
            expected_starts_on: preview.lines.iter().find_map(|line| line.starts_on),
            credit_minor: 0,
            payments,
            owe_until: None,
        }
    }

    /// One number from the database, past the services.
    ///
    /// # Panics
    /// When the query fails.
    pub async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.db.owner).await.expect("a query that gives one bigint")
    }
}

/// A month of unlimited visits at the home branch at any hour.
pub fn plan_form(name: &str) -> PlanForm {
    PlanForm {
        name: name.to_owned(),
        native_name: None,
        kind: PlanKind::Gym,
        training_type: None,
        tier: None,
        duration_unit: DurationUnit::Months,
        duration_count: 1,
        visits: None,
        visit_rule: VisitRule::PerDay,
        access_windows: Vec::new(),
        branch_scope: BranchScope::Home,
        branch_ids: Vec::new(),
        freeze_days: 0,
        freeze_times: 0,
        minimum_term_days: 0,
        notice_days: 0,
        trainer_account_id: None,
        tax_rate_id: None,
        auto_renew: false,
    }
}

/// Some visits, one a day at most, within some days.
pub fn pack_form(name: &str, visits: i32, days: i32) -> PlanForm {
    PlanForm {
        kind: PlanKind::VisitPack,
        duration_unit: DurationUnit::Days,
        duration_count: days,
        visits: Some(visits),
        ..plan_form(name)
    }
}

/// The actor without some permissions.
///
/// # Panics
/// For an actor who is no staff.
#[must_use]
pub fn without(actor: &Actor, taken: &[Permission]) -> Actor {
    match actor {
        Actor::Staff(staff) => {
            let permissions = staff.permissions.iter().filter(|p| !taken.contains(p)).copied().collect();
            Actor::Staff(StaffActor { permissions, ..staff.clone() })
        }
        Actor::Desk(_) | Actor::System { .. } => panic!("only staff has permissions of its own"),
    }
}

async fn insert_branch(
    owner: &PgPool,
    clock: &FakeClock,
    gym: GymId,
    code: &str,
    name: &str,
    setup: &GymSetup,
) -> BranchId {
    let now = clock.now();
    let id = BranchId::new(now);
    sqlx::query(
        "insert into branches (id, gym_id, code, name, time_zone, currency, day_starts_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id)
    .bind(gym)
    .bind(code)
    .bind(name)
    .bind(setup.time_zone)
    .bind(setup.currency)
    .bind(setup.day_starts_at)
    .bind(now)
    .execute(owner)
    .await
    .expect("a branch");
    id
}

async fn insert_desk(owner: &PgPool, clock: &FakeClock, branch: BranchId, name: &str) -> DeskId {
    let now = clock.now();
    let id = DeskId::new(now);
    sqlx::query("insert into desks (id, branch_id, name, created_at) values ($1, $2, $3, $4)")
        .bind(id)
        .bind(branch)
        .bind(name)
        .bind(now)
        .execute(owner)
        .await
        .expect("a desk");
    id
}

async fn insert_staff(
    owner: &PgPool,
    clock: &FakeClock,
    role: Role,
    branch: BranchId,
    desk: DeskId,
) -> Actor {
    let now = clock.now();
    let account = AccountId::new(now);
    sqlx::query("insert into accounts (id, full_name, username, created_at) values ($1, $2, $3, $4)")
        .bind(account)
        .bind(format!("{} of the house", role.as_str()))
        .bind(account.to_string())
        .bind(now)
        .execute(owner)
        .await
        .expect("an account");
    // Who may set the gym up is said at headquarters: a branch that has joined gives nobody that right.
    sqlx::query(
        "insert into profiles (account_id, kind, created_at)
         select $1, $2, $3 from sync_node where mode <> 'branch' or $2 not in ('owner', 'manager')",
    )
    .bind(account)
    .bind(role.as_str())
    .bind(now)
    .execute(owner)
    .await
    .expect("a profile");
    let permissions: BTreeSet<_> = default_permissions(role).iter().copied().collect();
    let roles = BTreeSet::from([role]);
    Actor::Staff(StaffActor { account, session: SessionId::new(now), roles, permissions, branch, desk })
}
