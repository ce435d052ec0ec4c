//! A branch is let in by a code, over TLS, with as few rights as will do; and is shut out again.
use super::{facts, fed, number, register};
use gatehouse_core::actor::Actor;
use gatehouse_core::clock::{Clock as _, SystemClock};
use gatehouse_core::db;
use gatehouse_core::error::Error;
use gatehouse_core::ids::{BranchId, new_id};
use gatehouse_core::sealed::KeyFile;
use gatehouse_core::secret::Secret;
use gatehouse_core::services::Services;
use gatehouse_core::sync::code::Code;
use gatehouse_core::sync::link::{self, Link};
use gatehouse_core::sync::model::Limits;
use gatehouse_core::sync::relay::{self, Round, Stopped};
use gatehouse_core::sync::wire::{EnrolBranch, JoinHeadquarters, Mode, NewCode, Reach};
use gatehouse_core::sync::{join, office, store, tls};
use gatehouse_testkit::tls::{Authority, HQ_DATABASE, HQ_OWNER, TlsServer};
use gatehouse_testkit::{FakeClock, TestDb, TestGym, plan_form};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use std::sync::Arc;

const ANYBODY: Actor = Actor::System { branch: None, desk: None };

/// A headquarters on a server of its own.
struct Office {
    server: TlsServer,
    services: Services,
    authority: Authority,
}

impl Office {
    async fn new() -> Self {
        Self::with(None).await
    }

    async fn with(shared_role: Option<&str>) -> Self {
        let authority = Authority::new("The gym's own authority");
        let server = TlsServer::start(&authority.certify("localhost")).await;
        if let Some(role) = shared_role {
            server.run(&format!("alter role {HQ_OWNER} nocreaterole"), "postgres").await;
            server.run(&format!("create role {role} login password 'of all branches'"), "postgres").await;
        }
        let url = server.owner_url();
        db::migrate(&url, None).await.expect("the migrations run");
        let nowhere = std::env::temp_dir();
        let keys = KeyFile::at(nowhere.join("no.key"));
        let services = Services::new(
            db::connect(&url, 4).await.expect("headquarters"),
            Arc::new(SystemClock),
            nowhere,
            keys,
        );
        let office = Self { server, services, authority };
        office.set_up(shared_role).await.expect("a headquarters");
        office
    }

    async fn set_up(&self, shared_role: Option<&str>) -> Result<bool, Error> {
        let reach = Reach {
            host: "localhost".to_owned(),
            port: self.server.port,
            shared_role: shared_role.map(str::to_owned),
        };
        office::set_up(&self.services, &reach).await
    }

    fn db(&self) -> &PgPool {
        &self.services.db
    }

    async fn enrol(&self, request: EnrolBranch) -> NewCode {
        let password = Secret::new("of all branches");
        office::enrol(&self.services, &ANYBODY, request, Some(&password)).await.expect("a code")
    }

    async fn founder(&self) -> String {
        self.enrol(EnrolBranch { name: Some("Heliopolis".to_owned()), ..EnrolBranch::default() }).await.code
    }

    async fn refusals(&self, reason: &str) -> i64 {
        sqlx::query_scalar("select count(*) from sync_refusals where reason = $1")
            .bind(reason)
            .fetch_one(self.db())
            .await
            .expect("a count")
    }
}

async fn joins(services: &Services, code: &str) -> Result<(), Error> {
    let request = JoinHeadquarters { code: code.to_owned() };
    let state = join::join(services, &ANYBODY, request).await?;
    assert_eq!(state.mode, Mode::Branch);
    Ok(())
}

fn code_of(error: &Error) -> String {
    error.to_wire().code
}

/// Joining is refused, for that reason, and nothing is changed here.
async fn is_refused(gym: &TestGym, code: &str, reason: &str) {
    let refused = joins(&gym.services, code).await.expect_err("a refusal");
    assert_eq!(code_of(&refused), reason, "{refused}");
    assert_eq!(gym.count("select count(*) from sync_node where mode = 'alone'").await, 1, "after {reason}");
    assert_eq!(gym.count("select count(*) from sync_link").await, 0, "after {reason}");
    assert_eq!(gym.count("select count(*) from sync_outbox").await, 0, "after {reason}");
}

async fn line(services: &Services) -> PgConnection {
    let mut db = services.db.acquire().await.expect("a connection");
    let stored = link::stored(&mut db, &services.keys).await.expect("readable").expect("a link");
    PgConnection::connect_with(&stored.link.options()).await.expect("headquarters answers")
}

async fn round(services: &Services) -> Result<Round, Stopped> {
    let mut hq = line(services).await;
    relay::round(services, &mut hq, Limits::default()).await
}

async fn alone() -> TestGym {
    let gym = TestGym::new().await;
    let plan = gym.plan(super::everywhere(plan_form("Monthly")), 40_000).await;
    for name in ["Mona Adel", "Karim Nabil"] {
        let member = register(&gym, name).await.id;
        gym.sell_plan(member, plan).await;
    }
    gym
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_that_was_alone_joins_by_a_code_and_loses_and_renumbers_nothing() {
    let office = Office::new().await;
    let gym = alone().await;
    let (facts_before, fed_before) = (facts(&gym.db.owner, None).await, fed(&gym.db.owner).await);
    let code = office.founder().await;
    joins(&gym.services, &code).await.expect("joined");
    // What is here is as it was, and only the note of joining is new.
    let mut facts_after = facts(&gym.db.owner, None).await;
    let notes = facts_after.get_mut("audit_log").expect("notes");
    let before = notes.len();
    notes.retain(|note| !note.contains("headquarters.joined"));
    assert_eq!(before, notes.len() + 1);
    assert_eq!(facts_after, facts_before);
    assert_eq!(fed(&gym.db.owner).await, fed_before);

    let done = round(&gym.services).await.expect("a round");
    assert_eq!((done.quarantined, done.put_off), (0, 0));
    assert_eq!(facts(office.db(), Some(gym.branch)).await, facts(&gym.db.owner, Some(gym.branch)).await);
    assert_eq!(fed(office.db()).await, fed(&gym.db.owner).await);
    assert_eq!(number(office.db(), "select count(*) from receipts").await, 2);
    // And goes on from there.
    register(&gym, "Somebody later").await;
    round(&gym.services).await.expect("a round");
    assert_eq!(number(office.db(), "select count(distinct number) from members").await, 3);

    // The secrets are not to be read here, nor there.
    let stored: String = sqlx::query_scalar("select to_jsonb(sync_link)::text from sync_link")
        .fetch_one(&gym.db.owner)
        .await
        .expect("a link");
    let secret = Code::read(&code).expect("a code").secret_text();
    let mut db = gym.services.db.acquire().await.expect("a connection");
    let link = link::stored(&mut db, &gym.services.keys).await.expect("readable").expect("a link").link;
    for word in [secret.as_str(), link.password.expose()] {
        assert!(!stored.contains(word) && !office.server.log().contains(word));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_with_nothing_in_its_database_becomes_one_that_headquarters_made() {
    let office = Office::new().await;
    let gym = alone().await;
    joins(&gym.services, &office.founder().await).await.expect("joined");
    round(&gym.services).await.expect("a round");
    let request = EnrolBranch {
        name: Some("Maadi".to_owned()),
        number: Some("7".to_owned()),
        ..EnrolBranch::default()
    };
    let made = office.enrol(request).await;
    let db = TestDb::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let keys = KeyFile::at(folder.path().join("secrets.key"));
    let services =
        Services::new(db.app.clone(), Arc::new(FakeClock::at(gym.setup.now)), folder.path().to_owned(), keys);
    joins(&services, &made.code).await.expect("joined");
    // Its people, its plans and a desk are there: somebody can log in.
    assert_eq!(
        number(
            &db.owner,
            "select count(*) from desks d join branches b on b.id = d.branch_id where b.code = '7'"
        )
        .await,
        1
    );
    assert_eq!(number(&db.owner, "select count(*) from members").await, 2);
    assert_eq!(fed(&db.owner).await, fed(office.db()).await);
    let state = office::state(&office.services, &ANYBODY).await.expect("a state");
    let known: Vec<_> = state.branches.iter().map(|row| (row.number.as_deref(), row.joined)).collect();
    assert_eq!(known, [(Some("1"), true), (Some("7"), true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_wrong_used_expired_or_for_somebody_else_changes_nothing() {
    let office = Office::new().await;
    let gym = alone().await;
    let code = office.founder().await;
    is_refused(&gym, "", "required").await;
    is_refused(&gym, &code[..code.len() - 20], "code_truncated").await;
    let other = if code.as_bytes()[40] == b'Z' { "Y" } else { "Z" };
    is_refused(&gym, &format!("{}{other}{}", &code[..40], &code[41..]), "code_mistyped").await;
    // Right as far as one can see, and no code of this headquarters.
    let forged = |change: fn(&mut Code)| {
        let mut read = Code::read(&code).expect("a code");
        change(&mut read);
        read.print().expect("printed")
    };
    is_refused(&gym, &forged(|code| code.secret[0] ^= 1), "code_used").await;
    is_refused(&gym, &forged(|code| code.branch = uuid::Uuid::nil()), "code_used").await;
    is_refused(&gym, &forged(|code| code.ca[0] ^= 1), "headquarters_other_ca").await;
    is_refused(&gym, &forged(|code| code.port = 1), "headquarters_unreachable").await;
    is_refused(
        &gym,
        &forged(|code| code.host = "no-such-host.invalid".to_owned()),
        "headquarters_unreachable",
    )
    .await;
    // One that a newer one has replaced.
    let newer = office.founder().await;
    is_refused(&gym, &code, "code_used").await;
    joins(&gym.services, &newer).await.expect("joined");
    let again = joins(&gym.services, &newer).await.expect_err("a refusal");
    assert_eq!(code_of(&again), "sync_joined");
    round(&gym.services).await.expect("a round");
    // Used, by somebody else.
    let stranger = alone().await;
    is_refused(&stranger, &newer, "code_used").await;
    // Of another gym: nothing is used up by that.
    let request = EnrolBranch {
        name: Some("Maadi".to_owned()),
        number: Some("2".to_owned()),
        ..EnrolBranch::default()
    };
    let made = office.enrol(request).await;
    is_refused(&stranger, &made.code, "another_gym").await;
    assert_eq!(office.refusals("another_gym").await, 1);
    // Its time is over, by headquarters' clock.
    office
        .server
        .run(
            &format!(
                "update sync_codes set expires_at = now(); alter role gatehouse_{} valid until '2020-01-01'",
                made.branch_id.0.simple()
            ),
            HQ_DATABASE,
        )
        .await;
    is_refused(&stranger, &made.code, "code_used").await;
    stranger.clock.set(&(SystemClock.now() + office::VALID).to_rfc3339());
    is_refused(&stranger, &made.code, "code_expired").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_certified_for_its_name_by_the_codes_authority_hears_nothing() {
    let office = Office::new().await;
    let gym = alone().await;
    let code = office.founder().await;
    let said = || {
        let log = office.server.log();
        log.lines().filter(|line| line.contains("gatehouse_") && line.contains("user=")).count()
            + log.matches("authentication failed").count()
    };
    let refused = async |why: &str| {
        let before = said();
        is_refused(&gym, &code, why).await;
        // Nor by a link that is there already.
        let read = Code::read(&code).expect("a code");
        let known = Link::of_code(&read, office.authority.pem().to_owned());
        let error = PgConnection::connect_with(&known.options()).await.expect_err("a refusal");
        assert!(matches!(error, sqlx::Error::Tls(_) | sqlx::Error::Io(_)), "{why}: {error}");
        assert_eq!(said(), before, "{why}");
    };
    let own = &office.authority;
    office.server.show(&Authority::new("Somebody else").certify("localhost")).await;
    refused("headquarters_other_ca").await;
    office.server.show(&Authority::new("The gym's own authority").certify("localhost")).await;
    refused("headquarters_other_ca").await;
    office.server.show(&own.certify_until("localhost", 2020)).await;
    refused("headquarters_certificate_expired").await;
    office.server.show(&own.certify("hq.example.com")).await;
    refused("headquarters_other_name").await;
    office.server.without_tls().await;
    refused("headquarters_no_tls").await;
    // And the right one is accepted, so that it was none of this that refused before.
    office.server.run("alter system set ssl = on", "postgres").await;
    office.server.show(&own.certify("localhost")).await;
    joins(&gym.services, &code).await.expect("joined");
    assert!(said() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_cut_while_joining_is_mended_by_the_same_code() {
    let office = Office::new().await;
    let gym = alone().await;
    let code = office.founder().await;
    let read = Code::read(&code).expect("a code");
    // Headquarters has taken the code, and its answer went nowhere.
    let chain = tls::chain("localhost", office.server.port).await.expect("a chain");
    let ca = tls::trusted(&chain, read.ca, "localhost", gym.services.now()).expect("trusted");
    let first = Link::of_code(&read, tls::pem(ca));
    let secret = Secret::new("0123456789abcdef0123456789abcdef");
    let mut db = gym.services.db.acquire().await.expect("a connection");
    link::keep(
        &mut db,
        &gym.services.keys,
        &link::mark(&read),
        &first.with(&read, &secret),
        gym.services.now(),
    )
    .await
    .expect("kept");
    let mut hq = PgConnection::connect_with(&first.options()).await.expect("headquarters answers");
    let here: uuid::Uuid =
        sqlx::query_scalar("select id from gyms").fetch_one(&gym.db.owner).await.expect("a gym");
    store::redeem(&mut hq, &read.secret_text(), secret.expose(), Some(here), Some(gym.branch.0))
        .await
        .expect("taken");
    drop(db);
    // Somebody else cannot use it.
    is_refused(&alone().await, &code, "code_used").await;
    joins(&gym.services, &code).await.expect("joined");
    let done = round(&gym.services).await.expect("a round");
    assert_eq!((done.quarantined, done.put_off), (0, 0));
    assert_eq!(number(office.db(), "select count(*) from receipts").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_may_make_roles_a_token_says_which_branch_it_is() {
    let office = Office::with(Some("branches_of_all")).await;
    let refused = office.set_up(None).await.expect_err("a refusal");
    assert_eq!(code_of(&refused), "headquarters_no_create_role");
    let gym = alone().await;
    let code = office.founder().await;
    joins(&gym.services, &code).await.expect("joined");
    let done = round(&gym.services).await.expect("a round");
    assert_eq!((done.quarantined, done.put_off), (0, 0));
    is_refused(&alone().await, &code, "code_used").await;
    // Another branch in the same role is another branch, whatever it says.
    let request = EnrolBranch {
        name: Some("Maadi".to_owned()),
        number: Some("2".to_owned()),
        ..EnrolBranch::default()
    };
    let made = office.enrol(request).await;
    let db = TestDb::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let keys = KeyFile::at(folder.path().join("secrets.key"));
    let second =
        Services::new(db.app.clone(), Arc::new(FakeClock::at(gym.setup.now)), folder.path().to_owned(), keys);
    joins(&second, &made.code).await.expect("joined");
    let told = async |hq: &mut PgConnection| -> String {
        sqlx::query_scalar("select coalesce(hq_hello(1, $1, '{\"waiting\": 1}') ->> 'branch_id', 'nobody')")
            .bind(new_id(gym.services.now()))
            .fetch_one(hq)
            .await
            .expect("an answer")
    };
    let mut one = line(&gym.services).await;
    let mut other = line(&second).await;
    assert_eq!(told(&mut one).await, gym.branch.to_string());
    assert_eq!(told(&mut other).await, made.branch_id.to_string());
    // Without a token the role is nobody, and it is written down.
    one.execute("reset gatehouse.token; set gatehouse.token = 'guessed'").await.expect("set");
    assert_eq!(told(&mut one).await, "nobody");
    one.execute(AssertSqlSafe(format!("set gatehouse.token = '{}'", made.branch_id))).await.expect("set");
    assert_eq!(told(&mut one).await, "nobody");
    assert_eq!(office.refusals("unknown").await, 2);
    let open = one.execute("select from members").await.expect_err("a refusal").to_string();
    assert!(open.contains("permission denied"), "{open}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_is_shut_out_is_refused_at_its_next_call_and_let_in_by_a_new_code() {
    let office = Office::new().await;
    let gym = alone().await;
    joins(&gym.services, &office.founder().await).await.expect("joined");
    round(&gym.services).await.expect("a round");
    let mut open = line(&gym.services).await;
    office::revoke(&office.services, &ANYBODY, gym.branch).await.expect("revoked");
    let member = register(&gym, "Somebody later").await.id;
    // On the line that was open already, and on a new one.
    let refused = relay::round(&gym.services, &mut open, Limits::default()).await.expect_err("a refusal");
    assert!(matches!(&refused, Stopped::Refused(why) if why == "not_enrolled"), "{refused}");
    let refused = round(&gym.services).await.expect_err("a refusal");
    assert!(matches!(&refused, Stopped::Refused(why) if why == "not_enrolled"), "{refused}");
    assert_eq!(office.refusals("revoked").await, 2);
    let unknown = office::revoke(&office.services, &ANYBODY, BranchId(uuid::Uuid::nil())).await;
    assert_eq!(code_of(&unknown.expect_err("a refusal")), "not_found");
    assert_eq!(number(office.db(), "select count(*) from members").await, 2);
    // Another branch's code does not make it another branch.
    let request = EnrolBranch {
        name: Some("Maadi".to_owned()),
        number: Some("2".to_owned()),
        ..EnrolBranch::default()
    };
    let other = office.enrol(request).await.code;
    assert_eq!(code_of(&joins(&gym.services, &other).await.expect_err("a refusal")), "sync_joined");
    // What it did meanwhile is sent when it is let in again.
    let request = EnrolBranch { branch_id: Some(gym.branch), ..EnrolBranch::default() };
    let again = office.enrol(request).await.code;
    joins(&gym.services, &again).await.expect("joined");
    round(&gym.services).await.expect("a round");
    let there: bool = sqlx::query_scalar("select exists (select from members where id = $1)")
        .bind(member)
        .fetch_one(office.db())
        .await
        .expect("an answer");
    assert!(there);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_could_not_work_is_not_made() {
    let office = Office::new().await;
    let enrol = async || {
        let request = EnrolBranch { name: Some("Heliopolis".to_owned()), ..EnrolBranch::default() };
        office::enrol(&office.services, &ANYBODY, request, None).await.map(|made| made.code)
    };
    let mut bare = office.authority.certify("localhost");
    let end = "-----END CERTIFICATE-----\n";
    bare.chain.truncate(bare.chain.find(end).expect("a certificate") + end.len());
    office.server.show(&bare).await;
    assert_eq!(code_of(&enrol().await.expect_err("a refusal")), "headquarters_chain");
    office.server.show(&office.authority.certify("hq.example.com")).await;
    assert_eq!(code_of(&enrol().await.expect_err("a refusal")), "headquarters_other_name");
    office.server.without_tls().await;
    assert_eq!(code_of(&enrol().await.expect_err("a refusal")), "headquarters_no_tls");
    assert_eq!(number(office.db(), "select count(*) from sync_codes").await, 0);
}

#[tokio::test]
async fn who_may_not_set_the_gym_up_neither_joins_nor_lets_in() {
    let gym = alone().await;
    let request = JoinHeadquarters { code: "x".to_owned() };
    for error in [
        join::join(&gym.services, &gym.reception, request).await.expect_err("a refusal"),
        office::enrol(&gym.services, &gym.reception, EnrolBranch::default(), None)
            .await
            .expect_err("a refusal"),
        office::revoke(&gym.services, &gym.reception, gym.branch).await.expect_err("a refusal"),
        office::state(&gym.services, &gym.reception).await.expect_err("a refusal"),
    ] {
        assert_eq!(code_of(&error), "forbidden");
    }
    let alone = office::enrol(&gym.services, &gym.owner, EnrolBranch::default(), None).await;
    assert_eq!(code_of(&alone.expect_err("a refusal")), "no_headquarters");
}
