//! Two machines of one branch, as processes: one has the database, the other asks it, and goes on when it is killed.
use gatehouse_core::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than anything may take here, with other tests beside it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running `gatehousectl serve`.
struct Machine {
    process: Child,
    url: String,
    cookie: String,
    csrf: String,
}

impl Drop for Machine {
    fn drop(&mut self) {
        // A killed one leaves its database for the next; a polite end stops it.
        let _gone = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.process),
            rustix::process::Signal::TERM,
        );
        let _ended = self.process.wait();
    }
}

impl Machine {
    fn start(data_dir: &Path, lan: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatehousectl"));
        command
            .args(["serve", "--port", "0", "--data-dir"])
            .arg(data_dir)
            .env_remove("GATEHOUSE_DATABASE_URL")
            .env_remove("GATEHOUSE_MIGRATE_URL")
            .env_remove("GATEHOUSE_HEADQUARTERS_URL")
            .env_remove("GATEHOUSE_LAN_LISTEN")
            .stdout(Stdio::piped());
        if let Some(address) = lan {
            command.env("GATEHOUSE_LAN_LISTEN", address);
        }
        let mut process = command.spawn().expect("gatehousectl starts");
        let out = process.stdout.take().expect("its output");
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).expect("a line");
        let url = line.split_once("http://").map(|(_, rest)| rest.trim().trim_end_matches('/').to_owned());
        Self {
            process,
            url: url.unwrap_or_else(|| panic!("no address in {line:?}")),
            cookie: String::new(),
            csrf: String::new(),
        }
    }

    /// As `kill -9` does it.
    fn kill(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("gone");
    }

    /// The status and the answer.
    fn ask(&mut self, command: &str, request: &Value) -> (u16, Value) {
        let body = request.to_string();
        let mut stream = TcpStream::connect(&self.url).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        write!(
            stream,
            "POST /rpc/{command} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncookie: gatehouse_session={}\r\n\
             x-gatehouse-csrf: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.url,
            self.cookie,
            self.csrf,
            body.len()
        )
        .expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        for line in head.lines() {
            if let Some(cookie) = line.strip_prefix("set-cookie: gatehouse_session=") {
                self.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
            }
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let body = serde_json::from_str(body).unwrap_or(Value::Null);
        if let Some(csrf) = body.get("csrf_token").and_then(Value::as_str) {
            csrf.clone_into(&mut self.csrf);
        }
        (status, body)
    }

    fn call(&mut self, command: &str, request: &Value) -> Value {
        let (status, body) = self.ask(command, request);
        assert_eq!(status, 200, "{command}: {body}");
        body
    }

    /// The code of a refusal.
    fn refused(&mut self, command: &str, request: &Value) -> String {
        let (status, body) = self.ask(command, request);
        assert_ne!(status, 200, "{command}: {body}");
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Asks until the answer is as wanted.
    fn until(&mut self, command: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let answer = self.call(command, &Value::Null);
            if is_wanted(&answer) {
                return answer;
            }
            assert!(begun.elapsed() < PATIENCE, "{command} stays {answer}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn id() -> String {
    gatehouse_core::ids::new_id(SystemClock.now()).to_string()
}

/// A branch machine with a gym, one plan and members who have it; and a second machine.
struct Gym {
    folder: TempDir,
    lan: String,
    branch: Machine,
    plan: String,
    members: Vec<String>,
}

impl Gym {
    fn open(members: usize) -> Self {
        let folder =
            tempfile::Builder::new().prefix("gatehouse-desks-").tempdir_in("/var/tmp").expect("a folder");
        // The database of a root process runs as another account, which has to pass through.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("open to all");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let lan = free.local_addr().expect("its address").to_string();
        drop(free);
        let mut branch = Machine::start(&folder.path().join("branch"), Some(&lan));
        branch.call(
            "set_up",
            &json!({
                "gym_name": "Nile Fitness", "default_country": "EG", "branch_name": "Zamalek", "time_zone": "Africa/Cairo",
                "currency": "EGP", "day_starts_at": 0, "owner_name": "Nadia Owner", "owner_email": "owner@gym.example",
                "owner_password": "Owner-Pass-1", "owner_pin": "4826"
            }),
        );
        let plan = id();
        branch.call(
            "plan_create",
            &json!({
                "id": plan, "name": "Monthly", "native_name": null, "kind": "gym", "training_type": null, "tier": null,
                "duration_unit": "months", "duration_count": 1, "visits": null, "visit_rule": "per_day",
                "access_windows": [], "branch_scope": "home", "branch_ids": [], "freeze_days": 0, "freeze_times": 0,
                "minimum_term_days": 0, "notice_days": 0, "trainer_account_id": null, "tax_rate_id": null,
                "auto_renew": false, "price_minor": 75_000
            }),
        );
        let mut gym = Self { folder, lan, branch, plan, members: Vec::new() };
        for number in 0..members {
            let member = gym.register(&format!("Mona Adel {number}"));
            sell(&mut gym.branch, &member, &gym.plan);
            gym.members.push(member);
        }
        gym
    }

    fn register(&mut self, full_name: &str) -> String {
        let member = id();
        self.branch.call(
            "member_register",
            &json!({
                "id": member, "full_name": full_name, "native_name": null, "phone": null, "email": null, "birth_date": null,
                "sex": null, "emergency_name": null, "emergency_phone": null, "goal": null, "fitness_level": null,
                "health_conditions": null, "notes": null, "tags": [], "custom_fields": {}, "consent": {}, "language": "en"
            }),
        );
        member
    }

    fn data_dir(&self, machine: &str) -> PathBuf {
        self.folder.path().join(machine)
    }

    /// A second machine, paired and with the owner logged in.
    fn second_desk(&mut self) -> Machine {
        let code =
            self.branch.call("desk_code_new", &Value::Null)["code"].as_str().expect("a code").to_owned();
        let mut desk = Machine::start(&self.data_dir("desk"), None);
        let status =
            desk.call("desk_pair", &json!({ "address": self.lan, "code": code, "name": "Side door" }));
        assert_eq!(status["desk"]["name"], "Side door");
        assert_eq!(status["gym_name"], "Nile Fitness");
        desk.call("login", &json!({ "identifier": "owner@gym.example", "password": "Owner-Pass-1" }));
        desk
    }

    fn restart_branch(&mut self) {
        let (cookie, csrf) = (self.branch.cookie.clone(), self.branch.csrf.clone());
        self.branch = Machine::start(&self.data_dir("branch"), Some(&self.lan));
        (self.branch.cookie, self.branch.csrf) = (cookie, csrf);
    }
}

fn sell(machine: &mut Machine, member: &str, plan: &str) -> Value {
    let lines = json!([{ "kind": "new", "plan_id": plan, "starts_on": null }]);
    let preview = machine.call("sale_preview", &json!({ "member_id": member, "lines": lines }));
    machine.call(
        "sell",
        &json!({
            "member_id": member, "lines": lines, "idempotency_key": id(), "expected_total": preview["total"],
            "expected_starts_on": preview["lines"][0]["starts_on"], "credit_minor": 0, "owe_until": null,
            "payments": [{ "method": "cash", "amount": preview["cash_total"], "tendered": null, "reference": null }]
        }),
    )
}

fn scan(machine: &mut Machine, member: &str) -> Value {
    machine.call("check_in", &json!({ "scan_id": id(), "member": member, "source": "search" }))
}

fn kinds(verdict: &Value) -> Vec<&str> {
    let reasons = verdict["reasons"].as_array().map(Vec::as_slice).unwrap_or_default();
    reasons.iter().filter_map(|reason| reason["kind"].as_str()).collect()
}

#[test]
fn a_second_desk_pairs_by_code_and_sells_through_the_branch_machine() {
    let mut gym = Gym::open(0);
    let member = gym.register("Omar Samir");
    let mut desk = gym.second_desk();
    let sale = sell(&mut desk, &member, &gym.plan);
    assert_eq!(sale["total"]["minor"], 75_000);
    let verdict = scan(&mut desk, &member);
    assert_eq!((verdict["outcome"].as_str(), kinds(&verdict)), (Some("admitted"), vec![]));
    let seen = gym.branch.call("member_payments", &json!({ "member_id": member }));
    assert_eq!(seen["rows"].as_array().map(Vec::len), Some(1), "{seen}");
    let feed = gym.branch.call("feed", &json!({ "limit": 10 }));
    assert_eq!(feed["rows"][0]["entry_id"], verdict["entry_id"], "the branch machine knows of the entry");
}

#[test]
fn a_killed_branch_machine_and_a_killed_desk_lose_no_entry_and_double_none() {
    let mut gym = Gym::open(6);
    let members = gym.members.clone();
    let mut desk = gym.second_desk();
    desk.until("desk_link", |answer| answer["link"]["snapshot_at"].is_string());
    scan(&mut desk, &members[0]);

    gym.branch.kill();
    let begun = Instant::now();
    let mut verdicts = vec![scan(&mut desk, &members[1])];
    assert!(begun.elapsed() < Duration::from_secs(4), "a verdict after {:?}", begun.elapsed());
    verdicts.extend(members[2..4].iter().map(|member| scan(&mut desk, member)));
    for verdict in &verdicts {
        assert_eq!(verdict["outcome"], "admitted", "{verdict}");
        assert_eq!(kinds(verdict), ["from_snapshot"]);
    }
    // A second card in the same hand is no second entry.
    let again = scan(&mut desk, &members[1]);
    assert_eq!((again["repeated"].as_bool(), &again["entry_id"]), (Some(true), &verdicts[0]["entry_id"]));
    let basket = json!({ "member_id": members[5], "lines": [{ "kind": "new", "plan_id": gym.plan, "starts_on": null }] });
    assert_eq!(desk.refused("sale_preview", &basket), "branch_machine_away");

    // The desk dies too; its person and what it did are still there.
    let (cookie, csrf) = (desk.cookie.clone(), desk.csrf.clone());
    desk.kill();
    let mut desk = Machine::start(&gym.data_dir("desk"), None);
    (desk.cookie, desk.csrf) = (cookie, csrf);
    assert_eq!(desk.call("me", &Value::Null)["full_name"], "Nadia Owner");
    verdicts.push(scan(&mut desk, &members[4]));
    let link = desk.call("desk_link", &Value::Null);
    assert_eq!(
        (link["link"]["standing"].as_str(), link["link"]["queued"].as_u64()),
        (Some("away"), Some(5)),
        "{link}"
    );

    gym.restart_branch();
    desk.until("desk_link", |answer| answer["link"]["standing"] == "up" && answer["link"]["queued"] == 0);
    for (member, verdict) in members[1..5].iter().zip(&verdicts) {
        let entries = gym.branch.call("member_entries", &json!({ "member_id": member }));
        assert_eq!(entries["total"], 1, "{entries}");
        assert_eq!(entries["rows"][0]["id"], verdict["entry_id"]);
    }
    let inside = gym.branch.call("inside", &Value::Null);
    assert_eq!(inside["rows"].as_array().map(Vec::len), Some(5), "{inside}");
    sell(&mut desk, &members[5], &gym.plan);
}

#[test]
fn a_machine_without_a_screen_pairs_on_the_command_line_and_then_has_no_database() {
    let mut gym = Gym::open(0);
    let code = gym.branch.call("desk_code_new", &Value::Null)["code"].as_str().expect("a code").to_owned();
    let run = |arguments: &[&str], folder: &str| {
        let out = Command::new(env!("CARGO_BIN_EXE_gatehousectl"))
            .args(arguments)
            .arg("--data-dir")
            .arg(gym.data_dir(folder))
            .env_remove("GATEHOUSE_DATABASE_URL")
            .output()
            .expect("gatehousectl runs");
        (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let pair = ["pair", gym.lan.as_str(), "--name", "Side door", "--code"];
    let (done, why) = run(&[&pair[..], &["2222-2222-2222"]].concat(), "desk");
    assert!(!done && why.contains("desk_code_wrong"), "{why}");
    let (done, why) = run(&[&pair[..], &[code.as_str()]].concat(), "branch");
    assert!(!done && why.contains("a database of its own"), "{why}");
    assert_eq!(run(&[&pair[..], &[code.as_str()]].concat(), "desk"), (true, String::new()));
    let (done, why) = run(&["verify"], "desk");
    assert!(!done && why.contains("is a desk of the branch computer"), "{why}");
    let mut desk = Machine::start(&gym.data_dir("desk"), None);
    assert_eq!(desk.call("setup_status", &Value::Null)["desk"]["name"], "Side door");
    assert!(!gym.data_dir("desk").join("postgres").exists());
}
