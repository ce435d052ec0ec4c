//! The judge is judged: what is planted must be found, and nothing else. And the seed decides everything.
use super::*;
use crate::TestDb;
use gatehouse_core::sync::relay::round;
use script::What;

/// A headquarters and its branches on the tests' server, after a day's work and in step.
struct Day {
    hq: TestDb,
    branches: Vec<TestDb>,
    told: Vec<Told>,
    asked: Vec<Uuid>,
}

impl Day {
    async fn new() -> Self {
        let script = Script::draw(7, 60);
        let base = script::base();
        let hq = TestDb::new().await;
        let mut db = PgConnection::connect(&hq.owner_url).await.expect("headquarters");
        let (first, plans) = found_gym(&mut db, &script).await.expect("a gym");
        let (mut branches, mut told, mut links) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..2 {
            let branch = if number == 0 { first } else { another(&mut db, number).await.expect("a branch") };
            let link = hq.login(&format!("branch{number}")).await;
            store::enrol(&mut db, branch, link.get_username(), false).await.expect("enrolled");
            let own = TestDb::new().await;
            let mut owner = PgConnection::connect(&own.owner_url).await.expect("the branch");
            store::join(&mut owner, branch, new_id(base), false).await.expect("joined");
            let desk = DeskId::new(base);
            meet(&own, &link).await;
            sqlx::query("insert into desks (id, branch_id, name, created_at) values ($1, $2, '1', $3)")
                .bind(desk)
                .bind(branch)
                .bind(base)
                .execute(&mut owner)
                .await
                .expect("a desk");
            let services = relay::services(own.app.clone(), &base.to_rfc3339());
            let actor = Actor::System { branch: Some(branch), desk: Some(desk) };
            let name = format!("branch {number}");
            let mut desk =
                Desk { services, actor, name: name.clone(), plans: plans.clone(), last_sale: None };
            let mut acks = Vec::new();
            for op in &script.ops[number] {
                let Ok(Some(ask)) = desk.prepare(op).await else { continue };
                if let Ok(ack) = desk.ask(ask).await {
                    acks.push(ack);
                }
            }
            told.push(Told { desk: name, acks });
            branches.push(own);
            links.push(link);
        }
        for _ in 0..3 {
            for (branch, link) in branches.iter().zip(&links) {
                meet(branch, link).await;
            }
        }
        Self { hq, branches, told, asked: asked(&script) }
    }

    async fn judged(&self) -> Found {
        let case = Case {
            hq: &self.hq.owner,
            branches: self
                .branches
                .iter()
                .zip(&self.told)
                .map(|(db, told)| Witness {
                    db: &db.owner,
                    told: told.clone(),
                    forfeited: Forfeited::default(),
                })
                .collect(),
            hq_desk: Told::default(),
            hq_restored: false,
            asked: self.asked.clone(),
        };
        judge::judge(&case).await.expect("a judgement")
    }
}

/// A round; again, while other tests' transactions on the server hold the feed back.
async fn meet(db: &TestDb, link: &sqlx::postgres::PgConnectOptions) {
    let services = relay::services(db.app.clone(), &script::base().to_rfc3339());
    for _ in 0..5 {
        let mut hq = PgConnection::connect_with(link).await.expect("headquarters answers");
        round(&services, &mut hq, Limits::default()).await.expect("a round");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_day_is_clean_and_everything_planted_is_found() {
    let day = Day::new().await;
    let done: usize = day.told.iter().map(|told| told.acks.len()).sum();
    assert!(done > 60, "{done} operations were done");
    assert_eq!(day.judged().await, Found::default());
    // At headquarters, as the owner, past all rules; one on top of the other.
    for table in ["receipts", "scans", "payments", "members", "ledger_entries", "entries"] {
        let statement = format!("alter table {table} disable trigger user");
        day.hq.owner.execute(AssertSqlSafe(statement)).await.expect("no rule");
    }
    let mut before = Found::default();
    for (planted, more) in PLANTED {
        day.hq.owner.execute(*planted).await.unwrap_or_else(|error| panic!("{planted}: {error}"));
        let found = day.judged().await;
        assert!(more(&found) > more(&before), "{planted}: {found:?}");
        before = found;
    }
}

type Counted = fn(&Found) -> u64;

/// What nobody would do, and what has to be counted for it.
const PLANTED: &[(&str, Counted)] = &[
    ("delete from receipts where id::text = (select max(id::text) from receipts)", |found| found.differs),
    ("delete from scans s where not exists (select from entries e where e.scan_id = s.id)", |found| found.lost),
    (
        "insert into payments select (jsonb_populate_record(p, jsonb_build_object('id', gen_random_uuid()))).* from payments p limit 1",
        |found| found.doubled,
    ),
    (
        "insert into payments select (jsonb_populate_record(p, jsonb_build_object('id', gen_random_uuid()))).* from payments p limit 1",
        |found| found.differs,
    ),
    ("update members set goal = 'planted' where number = '3'", |found| found.differs),
    ("update members set custom_fields = '{}' where custom_fields ? 'of branch 0'", |found| found.lost),
    (
        "update ledger_entries set amount = amount + 1
         where account = 'cash' and id::text = (select max(id::text) from ledger_entries where account = 'cash')",
        |found| found.difference_minor,
    ),
    (
        "insert into members select (jsonb_populate_record(m, jsonb_build_object('id', gen_random_uuid(), 'number', '999999999'))).*
         from members m limit 1",
        |found| found.doubled,
    ),
    (
        "insert into sync_quarantine (id, tbl, event, reason) values (gen_random_uuid(), 'members', '{}', 'planted')",
        |found| found.aside,
    ),
];

#[test]
fn the_same_seed_gives_the_same_operations_and_the_same_faults() {
    let (one, same, other) = (Script::draw(3, 300), Script::draw(3, 300), Script::draw(4, 300));
    assert_eq!(one.digest_of_operations(), same.digest_of_operations());
    assert_eq!(one.digest_of_faults(), same.digest_of_faults());
    assert_ne!(one.digest_of_operations(), other.digest_of_operations());
    assert_ne!(one.digest_of_faults(), other.digest_of_faults());
}

#[test]
fn a_script_has_every_operation_and_every_injury() {
    let script = Script::draw(1, 300);
    for what in [
        What::Register,
        What::Edit,
        What::Sell,
        What::Renew,
        What::Pay,
        What::Refund,
        What::Void,
        What::Freeze,
        What::Gift,
        What::CheckIn,
        What::Expense,
    ] {
        assert!(script.ops.iter().flatten().any(|op| op.what == what), "{what:?}");
    }
    let has = |kind: fn(&Injury) -> bool| script.faults.iter().any(|fault| kind(&fault.injury));
    assert!(has(|injury| matches!(injury, Injury::KillBranch { .. })));
    assert!(has(|injury| matches!(injury, Injury::KillHq { .. })));
    assert!(has(|injury| matches!(injury, Injury::KillRelay { .. })));
    assert!(has(|injury| matches!(injury, Injury::Clock { .. })));
    for (before, after) in [(Injury::Backup, Injury::Restore), (Injury::BackupHq, Injury::RestoreHq)] {
        let at = |wanted| script.faults.iter().find(|fault| fault.injury == wanted).map(|fault| fault.at);
        assert!(at(before) < at(after) && at(after) < Some(300));
    }
}
