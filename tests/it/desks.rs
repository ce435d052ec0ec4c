//! Other desks of the branch: how a machine becomes one, what it may ask, and how it goes on by itself.
use crate::passes::{card, payload};
use chrono::TimeDelta;
use gatehouse_core::actor::DeskActor;
use gatehouse_core::auth::model::Role;
use gatehouse_core::auth::staff;
use gatehouse_core::auth::wire::CreateStaff;
use gatehouse_core::checkin::emergency::{Ask, Book, QueuedScan};
use gatehouse_core::checkin::replay::{self, Replayed};
use gatehouse_core::checkin::service::check_in;
use gatehouse_core::checkin::snapshot;
use gatehouse_core::checkin::wire::{CheckIn, Outcome, Reason, Source, Verdict, Who};
use gatehouse_core::clock::{Clock, SystemClock};
use gatehouse_core::desks::proof;
use gatehouse_core::desks::service as desks;
use gatehouse_core::desks::wire::{AskPairing, Pairing};
use gatehouse_core::ids::{MemberId, ScanId};
use gatehouse_core::sealed::{KeyFile, hex};
use gatehouse_net::host::Host;
use gatehouse_net::house::{House, Place};
use gatehouse_net::lan::wire::{DeskLinkView, LinkStanding, PairHere};
use gatehouse_net::lan::{Identity, Link, Listening, RemoteDesk, Trouble, listen, pair};
use gatehouse_net::rpc::{Caller, SessionChange};
use gatehouse_testkit::TestGym;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(10);

/// A branch machine that lets desks in.
struct Branch {
    gym: TestGym,
    host: Arc<Host>,
    listening: Option<Listening>,
    folder: TempDir,
}

impl Branch {
    async fn open() -> Self {
        let gym = TestGym::new().await;
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place {
            data_dir: folder.path().to_owned(),
            resources: None,
            database_url: Some(gym.db.app_url.clone()),
            migrate_url: None,
            headquarters_url: None,
        };
        let mut house = House::open_with_clock(place, Arc::new(gym.clock.clone())).await.expect("a house");
        house.services = gym.services.clone();
        let host = Host::new(house, "a test".to_owned(), Some("1")).await.expect("a host");
        let listening = listen(&host, "127.0.0.1:0".parse().expect("an address")).await.expect("a door");
        Self { gym, host, listening: Some(listening), folder }
    }

    fn address(&self) -> String {
        self.listening.as_ref().expect("it listens").address.to_string()
    }

    /// The door is shut, as when the machine is off.
    fn go(&mut self) {
        self.listening = None;
    }

    /// At the address it had.
    async fn come_back(&mut self, address: &str) {
        let address = address.parse().expect("an address");
        let begun = std::time::Instant::now();
        loop {
            match listen(&self.host, address).await {
                Ok(listening) => return self.listening = Some(listening),
                Err(error) => assert!(begun.elapsed() < SOON, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn code(&self) -> String {
        desks::new_code(&self.gym.services, &self.gym.owner).await.expect("a code").code
    }

    fn fingerprint(&self) -> proof::Fingerprint {
        Identity::open(self.folder.path()).expect("a certificate").fingerprint()
    }

    /// What a machine with this code sends.
    fn ask_for(&self, code: &str, name: &str) -> AskPairing {
        let (key, nonce) = (proof::key(code).expect("a code"), [7; 16]);
        let proof = proof::of_desk(&key, &self.fingerprint(), &nonce, name);
        AskPairing { name: name.to_owned(), nonce: hex(&nonce), proof: hex(&proof) }
    }

    async fn send(&self, ask: &AskPairing) -> Result<Pairing, String> {
        let link = Link::new(&self.address(), Some(self.fingerprint()), None).expect("a link");
        match link.ask("/lan/pair", ask, SOON).await {
            Ok(pairing) => Ok(pairing),
            Err(Trouble::Refused(error)) => Err(error.code),
            Err(other) => panic!("{other:?}"),
        }
    }

    /// The way of a desk that is paired now.
    async fn paired_link(&self, name: &str) -> Link {
        let ask = self.ask_for(&self.code().await, name);
        let pairing = self.send(&ask).await.expect("a desk");
        let token = Some(gatehouse_core::secret::Secret::new(pairing.token));
        Link::new(&self.address(), Some(self.fingerprint()), token).expect("a link")
    }
}

/// A desk in a folder of its own, with somebody of reception logged in.
struct Desk {
    remote: Arc<RemoteDesk>,
    caller: Caller,
    folder: TempDir,
}

impl Desk {
    async fn open(branch: &Branch) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = KeyFile::at(folder.path().join("secrets.key"));
        let request =
            PairHere { address: branch.address(), code: branch.code().await, name: "Side door".to_owned() };
        let paired = pair(folder.path(), &keys, &request).await.expect("a desk");
        let clock = Arc::new(branch.gym.clock.clone());
        let desk =
            RemoteDesk::open_with_clock(folder.path(), paired, "a test".to_owned(), clock).expect("a desk");
        let mut desk = Self { remote: desk, caller: Caller::default(), folder };
        desk.stands(LinkStanding::Up).await;
        let account = CreateStaff {
            full_name: "Rami Desk".to_owned(),
            username: Some("rami".to_owned()),
            email: None,
            phone: None,
            roles: vec![Role::Reception],
            password: "Desk-Pass-1".to_owned(),
            pin: None,
        };
        staff::create(&branch.gym.services, &branch.gym.owner, account).await.expect("an account");
        let request = json!({ "identifier": "rami", "password": "Desk-Pass-1" });
        let reply = desk.remote.call(&desk.caller, "login", request).await.expect("a session");
        let SessionChange::Open(token) = reply.session else { panic!("no session") };
        desk.caller.token = Some(token);
        desk
    }

    /// The same desk, started again.
    fn start_again(self, branch: &Branch) -> Self {
        let Self { remote: desk, caller, folder } = self;
        let paired = desk.paired().clone();
        desk.close();
        drop(desk);
        let clock = Arc::new(branch.gym.clock.clone());
        let desk =
            RemoteDesk::open_with_clock(folder.path(), paired, "a test".to_owned(), clock).expect("a desk");
        Self { remote: desk, caller, folder }
    }

    async fn call(&self, command: &str, request: Value) -> Result<Value, String> {
        let reply = self.remote.call(&self.caller, command, request).await;
        reply.map(|reply| reply.body).map_err(|error| error.code)
    }

    async fn until(&self, what: &str, is_so: impl Fn(&RemoteDesk) -> bool) {
        let begun = std::time::Instant::now();
        while !is_so(&self.remote) {
            assert!(begun.elapsed() < SOON, "not {what}: {:?}", self.remote.link());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn stands(&self, standing: LinkStanding) {
        self.until("standing so", |desk| desk.link().standing == standing).await;
    }

    async fn has_snapshot(&self) {
        self.until("with a snapshot", |desk| desk.link().snapshot_at.is_some()).await;
    }

    async fn scan(&self, member: MemberId) -> Verdict {
        let request = json!({ "scan_id": new_scan(), "member": member, "source": "search" });
        serde_json::from_value(self.call("check_in", request).await.expect("a verdict")).expect("a verdict")
    }

    fn emergency(&self) -> std::path::PathBuf {
        self.folder.path().join("emergency")
    }
}

fn new_scan() -> ScanId {
    ScanId::new(SystemClock.now())
}

fn flip_a_bit(path: &Path) {
    let mut bytes = fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("written");
}

#[tokio::test]
async fn a_code_makes_one_desk_and_its_request_works_once() {
    let branch = Branch::open().await;
    let ask = branch.ask_for(&branch.code().await, "Side door");
    let pairing = branch.send(&ask).await.expect("a desk");
    assert_eq!(branch.send(&ask).await.unwrap_err(), "desk_code_wrong", "sent again");
    let link = Link::new(
        &branch.address(),
        Some(branch.fingerprint()),
        Some(gatehouse_core::secret::Secret::new(pairing.token)),
    )
    .expect("a link");
    let known: Result<Value, Trouble> = link.ask("/lan/pulse", &(), SOON).await;
    assert!(known.is_ok(), "{known:?}");
    let rows = desks::list(&branch.gym.services, &branch.gym.owner).await.expect("desks");
    assert_eq!(
        rows.iter().map(|row| (row.name.as_str(), row.desk_id)).collect::<Vec<_>>(),
        [("Side door", pairing.desk_id)]
    );
}

#[tokio::test]
async fn a_wrong_an_expired_and_a_replaced_code_make_no_desk() {
    let branch = Branch::open().await;
    let replaced = branch.ask_for(&branch.code().await, "2");
    let expired = branch.ask_for(&branch.code().await, "2");
    for ask in [&replaced, &branch.ask_for("2222-3333-4444", "2")] {
        assert_eq!(branch.send(ask).await.unwrap_err(), "desk_code_wrong");
    }
    branch.gym.clock.advance(TimeDelta::minutes(11));
    assert_eq!(branch.send(&expired).await.unwrap_err(), "desk_code_wrong");
    for malformed in ["", "00", "not hex", "é"] {
        let ask = AskPairing { nonce: malformed.to_owned(), ..expired.clone() };
        assert_eq!(branch.send(&ask).await.unwrap_err(), "desk_code_wrong");
    }
    assert_eq!(branch.gym.count("select count(*) from paired_desks").await, 0);
}

#[tokio::test]
async fn five_wrong_proofs_end_a_code_and_a_machine_that_goes_on_trying_is_slowed_down() {
    let branch = Branch::open().await;
    let right = branch.ask_for(&branch.code().await, "2");
    let wrong = branch.ask_for("2222-3333-4444", "2");
    for _ in 0..5 {
        assert_eq!(branch.send(&wrong).await.unwrap_err(), "desk_code_wrong");
    }
    assert_eq!(branch.send(&right).await.unwrap_err(), "desk_code_wrong", "the code is void");
    assert_eq!(branch.send(&wrong).await.unwrap_err(), "too_many_attempts");
    branch.gym.clock.advance(TimeDelta::seconds(61));
    let fresh = branch.ask_for(&branch.code().await, "2");
    branch.send(&fresh).await.expect("a desk");
}

#[tokio::test]
async fn a_proof_made_for_another_certificate_makes_no_desk_and_the_machines_own_name_is_taken() {
    let branch = Branch::open().await;
    let code = branch.code().await;
    let (key, nonce) = (proof::key(&code).expect("a code"), [7; 16]);
    // What somebody in between with a certificate of their own would pass on.
    let passed_on = proof::of_desk(&key, &[9; 32], &nonce, "2");
    let ask = AskPairing { name: "2".to_owned(), nonce: hex(&nonce), proof: hex(&passed_on) };
    assert_eq!(branch.send(&ask).await.unwrap_err(), "desk_code_wrong");
    assert_eq!(branch.send(&branch.ask_for(&code, "1")).await.unwrap_err(), "desk_name_here");
    assert!(branch.send(&branch.ask_for(&code, "2")).await.is_ok(), "the code was not used up by that");
}

#[tokio::test]
async fn without_a_desks_token_nothing_is_answered() {
    let branch = Branch::open().await;
    let stranger =
        Link::new(&branch.address(), None, Some(gatehouse_core::secret::Secret::new("00"))).expect("a link");
    for path in [
        "/lan/pulse",
        "/lan/rpc/setup_status",
        "/lan/snapshot",
        "/lan/replay",
        "/rpc/me",
        "/",
        "/lan/nothing",
    ] {
        let answer: Result<Value, Trouble> = stranger.ask(path, &json!({}), SOON).await;
        assert!(matches!(answer, Err(Trouble::Unknown)), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn another_certificate_is_not_talked_to() {
    let branch = Branch::open().await;
    let link = Link::new(&branch.address(), Some([1; 32]), None).expect("a link");
    let answer: Result<Value, Trouble> = link.ask("/lan/pulse", &(), SOON).await;
    assert!(matches!(answer, Err(Trouble::OtherMachine)), "{answer:?}");
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_the_next_is_answered() {
    let branch = Branch::open().await;
    let link = branch.paired_link("2").await;
    let large = json!({ "scans": "x".repeat(25 * 1024 * 1024) });
    let answer: Result<Value, Trouble> = link.ask("/lan/replay", &large, SOON).await;
    assert!(matches!(answer, Err(Trouble::Away(_))), "{answer:?}");
    let answer: Result<Value, Trouble> = link.ask("/lan/replay", &json!({ "scans": [] }), SOON).await;
    assert!(answer.is_ok(), "{answer:?}");
}

#[tokio::test]
async fn a_desk_cannot_use_another_desks_session_nor_settle_what_is_the_machines() {
    let branch = Branch::open().await;
    let first = Desk::open(&branch).await;
    let other = branch.paired_link("Back office").await;
    let forwarded = json!({ "caller": first.caller, "request": null });
    let answer: Value = other.ask("/lan/rpc/me", &forwarded, SOON).await.expect("an answer");
    assert_eq!(answer["answer"]["Err"]["code"], "not_logged_in");
    for command in ["desk_code_new", "lan_set", "set_up", "desk_choose_source"] {
        let answer: Value =
            other.ask(&format!("/lan/rpc/{command}"), &forwarded, SOON).await.expect("an answer");
        assert_eq!(answer["answer"]["Err"]["code"], "only_at_branch_machine", "{command}");
    }
}

#[tokio::test]
async fn a_revoked_desk_knows_nothing_any_more_and_says_so() {
    let branch = Branch::open().await;
    let desk = Desk::open(&branch).await;
    desk.has_snapshot().await;
    let rows = desks::list(&branch.gym.services, &branch.gym.owner).await.expect("desks");
    desks::revoke(&branch.gym.services, &branch.gym.owner, rows[0].id).await.expect("revoked");
    desk.stands(LinkStanding::Revoked).await;
    assert!(!desk.emergency().join("snapshot.sealed").exists());
    let member = branch.gym.member("Mona Adel").await;
    let scan = json!({ "scan_id": new_scan(), "member": member, "source": "search" });
    assert_eq!(desk.call("check_in", scan).await.unwrap_err(), "desk_revoked");
    assert_eq!(
        branch
            .gym
            .count("select count(*) from sessions where revoked_at is null and desk_id is not null")
            .await,
        0
    );
}

#[tokio::test]
async fn while_the_branch_machine_is_away_scans_are_judged_queued_and_told_once() {
    let mut branch = Branch::open().await;
    let plan = branch.gym.monthly().await;
    let (paid, lapsed) = (branch.gym.member("Mona Adel").await, branch.gym.member("Omar Samir").await);
    branch.gym.sell_plan(paid, plan).await;
    let code = payload(&branch.gym, card(&branch.gym, paid).await.id).await;
    let desk = Desk::open(&branch).await;
    desk.has_snapshot().await;
    let address = branch.address();
    branch.go();
    desk.stands(LinkStanding::Away).await;
    let taken_at = desk.remote.link().snapshot_at.expect("a snapshot");
    let request = json!({ "scan_id": new_scan(), "code": code, "source": "wedge" });
    let entered: Verdict =
        serde_json::from_value(desk.call("check_in", request.clone()).await.expect("a verdict"))
            .expect("a verdict");
    assert_eq!(
        (entered.outcome, &entered.reasons[..]),
        (Outcome::Admitted, &[Reason::FromSnapshot { taken_at }][..])
    );
    // Asked again with the same nonce, and with another one: the same entry.
    let again: Verdict =
        serde_json::from_value(desk.call("check_in", request).await.expect("a verdict")).expect("a verdict");
    assert_eq!((again.entry_id, again.repeated), (entered.entry_id, true));
    let refused = desk.scan(lapsed).await;
    assert_eq!((refused.outcome, &refused.reasons[0]), (Outcome::Refused, &Reason::NoSubscription));
    assert_eq!(desk.remote.link().queued, 2);
    assert_eq!(desk.call("member_list", json!({})).await.unwrap_err(), "branch_machine_away");
    assert_eq!(desk.call("me", Value::Null).await.expect("known")["full_name"], "Rami Desk");
    let feed = desk.call("feed", json!({ "limit": 5 })).await.expect("a feed");
    assert_eq!(feed["rows"][1]["member"]["full_name"], "Mona Adel");

    let desk = desk.start_again(&branch);
    assert_eq!(desk.remote.link().queued, 2, "the queue outlives the desk");
    branch.come_back(&address).await;
    desk.stands(LinkStanding::Up).await;
    assert_eq!(branch.gym.count("select count(*) from entries").await, 1);
    assert_eq!(branch.gym.count("select count(*) from scans").await, 2);
    assert_eq!(
        branch
            .gym
            .count(
                "select count(*) from entries e join desks d on d.id = e.desk_id where d.name = 'Side door'"
            )
            .await,
        1
    );
    desk.until("without a queue on the disk", |_| !desk.emergency().join("queue.sealed").exists()).await;
    let link: DeskLinkView = DeskLinkView { link: Some(desk.remote.link()) };
    assert_eq!(link.link.expect("a desk").queued, 0);
}

#[tokio::test]
async fn a_snapshot_that_is_too_old_or_was_tampered_with_gives_no_verdict() {
    let mut branch = Branch::open().await;
    let plan = branch.gym.monthly().await;
    let member = branch.gym.member("Mona Adel").await;
    branch.gym.sell_plan(member, plan).await;
    let desk = Desk::open(&branch).await;
    desk.has_snapshot().await;
    branch.go();
    desk.stands(LinkStanding::Away).await;
    let taken_at = desk.remote.link().snapshot_at.expect("a snapshot");
    branch.gym.clock.advance(TimeDelta::hours(25));
    let old = desk.scan(member).await;
    assert_eq!(
        (old.outcome, &old.reasons[..]),
        (Outcome::Refused, &[Reason::SnapshotTooOld { taken_at }][..])
    );
    assert!(old.member.is_none() && old.entry_id.is_none());
    flip_a_bit(&desk.emergency().join("snapshot.sealed"));
    let desk = desk.start_again(&branch);
    let blind = desk.scan(member).await;
    assert_eq!((blind.outcome, &blind.reasons[..]), (Outcome::Refused, &[Reason::NoSnapshot][..]));
    assert_eq!(desk.remote.link().queued, 2);
}

#[tokio::test]
async fn half_a_line_at_the_end_of_the_queue_costs_no_other() {
    let mut branch = Branch::open().await;
    let plan = branch.gym.monthly().await;
    let members = [branch.gym.member("Mona Adel").await, branch.gym.member("Omar Samir").await];
    for member in members {
        branch.gym.sell_plan(member, plan).await;
    }
    let desk = Desk::open(&branch).await;
    desk.has_snapshot().await;
    let address = branch.address();
    branch.go();
    desk.stands(LinkStanding::Away).await;
    desk.scan(members[0]).await;
    let queue = desk.emergency().join("queue.sealed");
    let mut bytes = fs::read(&queue).expect("a queue");
    bytes.extend_from_slice(b"aGFsZiBhIGxpbm");
    fs::write(&queue, bytes).expect("written");
    let desk = desk.start_again(&branch);
    desk.scan(members[1]).await;
    let desk = desk.start_again(&branch);
    assert_eq!(desk.remote.link().queued, 2);
    branch.come_back(&address).await;
    desk.stands(LinkStanding::Up).await;
    assert_eq!(branch.gym.count("select count(*) from entries").await, 2);
}

/// A desk's own verdict on a member, as it would be queued.
async fn queued(gym: &TestGym, queue: &[QueuedScan], member: MemberId) -> QueuedScan {
    let desk = DeskActor { branch: gym.branch, desk: gym.second_desk };
    let book = Book::new(snapshot::take(&gym.services, desk).await.expect("a snapshot"));
    let request = CheckIn { scan_id: new_scan(), who: Who::Member(member), source: Source::Search };
    let (verdict, queued) = book
        .judge(queue, &gym.second_reception, &Ask::CheckIn(&request), gym.clock.now())
        .expect("a verdict");
    assert_eq!(verdict.outcome, Outcome::Admitted, "{verdict:?}");
    queued.expect("to be told")
}

#[tokio::test]
async fn what_was_done_alone_is_stored_once_however_often_it_is_told_and_a_pack_may_be_overdrawn() {
    let gym = TestGym::new().await;
    let plan = gym.plan(gatehouse_testkit::pack_form("One visit", 1, 30), 10_000).await;
    let member = gym.member("Mona Adel").await;
    gym.sell_plan(member, plan).await;
    let desk = DeskActor { branch: gym.branch, desk: gym.second_desk };
    let alone = queued(&gym, &[], member).await;
    // Meanwhile the same visit was used at the branch machine.
    crate::checkin::clicked(&gym, member).await;
    let all = Replayed { stored: vec![alone.scan], refused: vec![] };
    for _ in 0..2 {
        assert_eq!(
            replay::take(&gym.services, desk, std::slice::from_ref(&alone)).await.expect("stored"),
            all
        );
    }
    assert_eq!(gym.count("select count(*) from entries").await, 2);
    assert_eq!(gym.count("select count(*) from visit_uses").await, 2, "both were let in");
    assert_eq!(gym.count("select count(*) from scans").await, 2);
}

#[tokio::test]
async fn a_desk_that_is_alone_knows_what_it_did_itself() {
    let gym = TestGym::new().await;
    let plan = gym.plan(gatehouse_testkit::pack_form("One visit", 1, 30), 10_000).await;
    let member = gym.member("Mona Adel").await;
    gym.sell_plan(member, plan).await;
    let desk = DeskActor { branch: gym.branch, desk: gym.second_desk };
    let book = Book::new(snapshot::take(&gym.services, desk).await.expect("a snapshot"));
    let first = queued(&gym, &[], member).await;
    gym.clock.advance(TimeDelta::hours(20));
    let request = CheckIn { scan_id: new_scan(), who: Who::Member(member), source: Source::Search };
    let judge = |queue: &[QueuedScan]| {
        let ask = Ask::CheckIn(&request);
        book.judge(queue, &gym.second_reception, &ask, gym.clock.now()).expect("a verdict").0.reasons
    };
    assert_eq!(judge(&[first])[0], Reason::NoVisitsLeft);
    assert!(matches!(judge(&[])[..], [Reason::FromSnapshot { .. }]), "without it the visit would be there");
}

#[tokio::test]
async fn a_scan_that_cannot_be_stored_does_not_hold_up_the_others() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    let [first, second] = [gym.member("Mona Adel").await, gym.member("Omar Samir").await];
    for member in [first, second] {
        gym.sell_plan(member, plan).await;
    }
    let (good, other) = (queued(&gym, &[], first).await, queued(&gym, &[], second).await);
    // Another scan that claims the same entry.
    let strange = QueuedScan { scan: new_scan(), ..good.clone() };
    let desk = DeskActor { branch: gym.branch, desk: gym.second_desk };
    let told = [good.clone(), strange.clone(), other.clone()];
    let answer = replay::take(&gym.services, desk, &told).await.expect("an answer");
    assert_eq!(answer, Replayed { stored: vec![good.scan, other.scan], refused: vec![strange.scan] });
    let many = vec![good; replay::MOST + 1];
    assert_eq!(replay::take(&gym.services, desk, &many).await.unwrap_err().to_wire().code, "too_many");
}

#[tokio::test]
async fn a_scan_that_was_refused_too_late_for_the_desk_is_stored_beside_what_the_desk_did() {
    let gym = TestGym::new().await;
    let plan = gym.monthly().await;
    let member = gym.member("Mona Adel").await;
    gym.sell_plan(member, plan).await;
    let alone = queued(&gym, &[], member).await;
    let asked = CheckIn { scan_id: alone.scan, who: Who::Code("nobody's".to_owned()), source: Source::Wedge };
    let late = check_in(&gym.services, &gym.second_reception, asked).await.expect("a verdict");
    assert_eq!(late.outcome, Outcome::Refused);
    let desk = DeskActor { branch: gym.branch, desk: gym.second_desk };
    for _ in 0..2 {
        let answer = replay::take(&gym.services, desk, std::slice::from_ref(&alone)).await.expect("stored");
        assert_eq!(answer, Replayed { stored: vec![alone.scan], refused: vec![] });
    }
    assert_eq!(gym.count("select count(*) from entries").await, 1);
    assert_eq!(gym.count("select count(*) from scans").await, 2);
}

#[tokio::test]
async fn a_desk_locked_while_it_was_alone_stays_locked() {
    let mut branch = Branch::open().await;
    let desk = Desk::open(&branch).await;
    desk.has_snapshot().await;
    let address = branch.address();
    branch.go();
    desk.stands(LinkStanding::Away).await;
    assert_eq!(desk.call("lock", Value::Null).await.expect("locked")["locked"], true);
    assert_eq!(desk.call("unlock", json!({})).await.unwrap_err(), "branch_machine_away");
    let desk = desk.start_again(&branch);
    assert_eq!(desk.call("me", Value::Null).await.expect("known")["locked"], true);
    branch.come_back(&address).await;
    desk.stands(LinkStanding::Up).await;
    assert_eq!(desk.call("me", Value::Null).await.expect("known")["locked"], true);
    assert_eq!(desk.call("member_list", json!({})).await.unwrap_err(), "locked");
}
