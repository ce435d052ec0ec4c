//! The embedded server, with real processes and fsync on.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gatehouse_pg::{Config, DatabaseUrl, Error, Role, Server, restore};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};
use tempfile::TempDir;

/// A folder with a blank in its name that an unprivileged account can pass, which a private temporary folder
/// is not.
fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("gym desk ")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in("/var/tmp")
        .unwrap()
}

async fn connect(url: &DatabaseUrl) -> PgConnection {
    PgConnection::connect(&url.expose()).await.unwrap()
}

async fn ask(url: &DatabaseUrl, question: &'static str) -> String {
    let mut db = connect(url).await;
    sqlx::query_scalar(question).fetch_one(&mut db).await.unwrap()
}

fn is_running(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(") ").next().is_some_and(|rest| !rest.starts_with('Z')))
}

fn kill(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// Polls, since another process's end announces itself to nobody else.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < patience, "{what} did not happen within 30 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Another program with the same home.
struct App {
    process: Child,
    role: String,
    server: i32,
}

impl App {
    fn open(home: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_gatehouse-pg"))
            .arg("hold")
            .arg(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (role, server) = line.trim().split_once(' ').expect("the program says its role");
        Self { role: role.to_owned(), server: server.parse().unwrap(), process }
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn close(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
    }
}

#[tokio::test]
async fn the_server_is_private_durable_and_never_root() {
    let folder = folder();
    let server = Server::start(&Config::new(folder.path().join("pg"))).await.unwrap();
    assert_eq!(server.role(), Role::Started);
    assert_eq!(ask(server.app_url(), "show fsync").await, "on");
    assert_eq!(ask(server.app_url(), "show synchronous_commit").await, "on");
    assert_eq!(ask(server.app_url(), "show full_page_writes").await, "on");
    assert_eq!(ask(server.app_url(), "show listen_addresses").await, "");
    assert_eq!(ask(server.app_url(), "show data_checksums").await, "on");

    let process = fs::metadata(format!("/proc/{}", server.pid().await)).unwrap();
    assert_ne!(process.uid(), 0, "the server runs as root");

    let mode = |path: &str| fs::metadata(server.home().join(path)).unwrap().mode() & 0o777;
    assert_eq!(mode("run"), 0o700);
    assert_eq!(mode("data"), 0o700);
    assert_eq!(mode("secrets.json"), 0o600);
    assert_eq!(mode("server.log"), 0o600);

    let wrong = server.app_url().expose().replace(&password(server.app_url()), "guess");
    let refused = PgConnection::connect(&wrong).await.unwrap_err().to_string();
    assert!(refused.contains("password authentication failed"), "{refused}");
    assert!(!format!("{:?}", server.app_url()).contains(&password(server.app_url())));
    server.stop().await.unwrap();
}

fn password(url: &DatabaseUrl) -> String {
    let text = url.expose();
    text.split([':', '@']).nth(2).unwrap().to_owned()
}

#[tokio::test]
async fn names_in_every_script_have_trigrams() {
    let folder = folder();
    let server = Server::start(&Config::new(folder.path().join("pg"))).await.unwrap();
    let mut owner = connect(server.owner_url()).await;
    for extension in ["pg_trgm", "unaccent", "btree_gist", "pgcrypto"] {
        let statement = sqlx::AssertSqlSafe(format!("create extension {extension}"));
        owner.execute(statement).await.unwrap_or_else(|error| panic!("{extension}: {error}"));
    }
    for name in ["محمد", "प्रिया", "Zoë", "Müller"] {
        let trigrams: Vec<String> =
            sqlx::query_scalar("select show_trgm($1)").bind(name).fetch_one(&mut owner).await.unwrap();
        assert!(trigrams.len() > 3, "{name}: {trigrams:?}");
    }
    let lower: String = sqlx::query_scalar("select lower('ÉÇŞ')").fetch_one(&mut owner).await.unwrap();
    assert_eq!(lower, "éçş");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_owner_makes_tables_and_the_app_only_gets_what_it_is_granted() {
    let folder = folder();
    let server = Server::start(&Config::new(folder.path().join("pg"))).await.unwrap();
    let mut owner = connect(server.owner_url()).await;
    owner
        .execute("create table entries (id int); grant select, insert on entries to gatehouse_app")
        .await
        .unwrap();
    let mut app = connect(server.app_url()).await;
    app.execute("insert into entries values (1)").await.unwrap();
    for refused in ["delete from entries", "drop table entries", "create table mine (id int)"] {
        let error = app.execute(refused).await.unwrap_err().to_string();
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{refused}: {error}");
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_app_joins_and_does_not_stop_the_server() {
    let folder = folder();
    let home = folder.path().join("pg");
    let window = Server::start(&Config::new(&home)).await.unwrap();
    let ctl = App::open(&home);
    assert_eq!((ctl.role.as_str(), ctl.server), ("Joined", window.pid().await));
    ctl.close();
    assert_eq!(ask(window.app_url(), "select 'up'").await, "up");
    let ctl = App::open(&home);
    ctl.kill();
    assert_eq!(ask(window.app_url(), "select 'up'").await, "up");
    window.stop().await.unwrap();
}

#[tokio::test]
async fn two_apps_that_start_together_share_one_server() {
    let folder = folder();
    let config = Config::new(folder.path().join("pg"));
    let (one, other) = tokio::join!(Server::start(&config), Server::start(&config));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.pid().await, other.pid().await);
    let roles = [one.role(), other.role()];
    assert!(roles.contains(&Role::Started) && roles.contains(&Role::Joined), "{roles:?}");
    one.stop().await.unwrap();
    other.stop().await.unwrap();
}

#[tokio::test]
async fn a_clean_stop_leaves_nothing_behind() {
    let folder = folder();
    let home = folder.path().join("pg");
    let server = Server::start(&Config::new(&home)).await.unwrap();
    let pid = server.pid().await;
    server.stop().await.unwrap();
    // Its last breath is no longer waited for: all of its data is on the disk by then.
    until("it is gone", || !is_running(pid)).await;
    assert!(!home.join("data/postmaster.pid").exists());
    assert_eq!(fs::read_dir(home.join("run")).unwrap().count(), 0);
    let log = fs::read_to_string(home.join("server.log")).unwrap();
    assert!(log.contains("database system is shut down"), "{log}");
}

#[tokio::test]
async fn a_call_still_under_way_does_not_bring_a_stopped_server_back() {
    let folder = folder();
    let server = Server::start(&Config::new(folder.path().join("pg"))).await.unwrap();
    let pid = server.pid().await;
    server.stop().await.unwrap();
    let refused = server.ensure().await.unwrap_err();
    assert_eq!(refused.to_string(), "Gatehouse is closing.");
    // Its last breath is no longer waited for: all of its data is on the disk by then.
    until("it is gone", || !is_running(pid)).await;
}

#[tokio::test]
async fn a_killed_app_leaves_no_orphan() {
    let folder = folder();
    let home = folder.path().join("pg");
    let app = App::open(&home);
    let server = app.server;
    assert!(is_running(server));
    app.kill();
    until("the server's end", || !is_running(server)).await;
    let log = fs::read_to_string(home.join("server.log")).unwrap();
    assert!(log.contains("received fast shutdown request"), "{log}");
}

#[tokio::test]
async fn who_had_joined_takes_over_when_the_owner_is_killed() {
    let folder = folder();
    let home = folder.path().join("pg");
    let window = App::open(&home);
    let ctl = Server::start(&Config::new(&home)).await.unwrap();
    assert_eq!(ctl.role(), Role::Joined);
    let mut db = connect(ctl.app_url()).await;
    let gone = window.server;
    window.kill();
    until("the server's end", || !is_running(gone)).await;
    db.execute("select 1").await.unwrap_err();

    assert_eq!(ctl.ensure().await.unwrap(), Role::Started);
    assert_eq!(ctl.role(), Role::Started);
    assert_eq!(ask(ctl.app_url(), "select 'back'").await, "back");
    let late = App::open(&home);
    assert_eq!((late.role.as_str(), late.server), ("Joined", ctl.pid().await));
    late.close();
    ctl.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_outlived_its_app_is_adopted_and_stopped_in_the_end() {
    let folder = folder();
    let home = folder.path().join("pg");
    let detached = Config { lifetime: gatehouse_pg::Lifetime::Detached, ..Config::new(&home) };
    let pid = {
        let gone = Server::start(&detached).await.unwrap();
        gone.pid().await
    };
    assert!(is_running(pid));
    let server = Server::start(&Config::new(&home)).await.unwrap();
    assert_eq!((server.role(), server.pid().await), (Role::Adopted, pid));
    assert_eq!(App::open(&home).role, "Joined");
    server.stop().await.unwrap();
    assert!(!is_running(pid));
}

#[tokio::test]
async fn after_kill_9_of_the_server_what_was_committed_is_there() {
    let folder = folder();
    let server = Server::start(&Config::new(folder.path().join("pg"))).await.unwrap();
    let mut owner = connect(server.owner_url()).await;
    owner.execute("create table entries as select n from generate_series(1, 1000) n").await.unwrap();
    let killed = server.pid().await;
    kill(killed, Signal::KILL);
    until("the server's end", || !is_running(killed)).await;
    // The session's own process outlives the server until it notices, and may answer once more.
    let patience = Instant::now() + Duration::from_secs(30);
    while owner.execute("select 1").await.is_ok() {
        assert!(Instant::now() < patience, "the session outlived its server by 30 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    assert_eq!(server.ensure().await.unwrap(), Role::Started);
    assert_ne!(server.pid().await, killed);
    assert_eq!(ask(server.owner_url(), "select count(*)::text from entries").await, "1000");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn ensure_leaves_a_server_that_is_up_alone() {
    let folder = folder();
    let server = Server::start(&Config::new(folder.path().join("pg"))).await.unwrap();
    let pid = server.pid().await;
    assert_eq!(server.ensure().await.unwrap(), Role::Started);
    assert_eq!(server.pid().await, pid);
    server.stop().await.unwrap();
}

/// Leaves a data folder as a power cut does, its pid file naming `pid`.
async fn power_cut(home: &Path, pid: u32, started: u64) {
    let server = Server::start(&Config::new(home)).await.unwrap();
    let file = home.join("data/postmaster.pid");
    let text = fs::read_to_string(&file).unwrap();
    let socket_lock = fs::read_to_string(home.join("run/.s.PGSQL.5432.lock")).unwrap();
    let killed = server.pid().await;
    kill(killed, Signal::KILL);
    until("the server's end", || !is_running(killed)).await;
    drop(server);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[0] = pid.to_string();
    lines[2] = started.to_string();
    fs::write(&file, lines.join("\n")).unwrap();
    let mut lines: Vec<String> = socket_lock.lines().map(str::to_owned).collect();
    lines[0] = pid.to_string();
    fs::write(home.join("run/.s.PGSQL.5432.lock"), lines.join("\n")).unwrap();
}

/// The account that owns the data: where the server itself would look for a process with the number.
fn sleeper(home: &Path) -> Child {
    use std::os::unix::process::CommandExt;
    let data = fs::metadata(home.join("data")).unwrap();
    let mut command = Command::new("sleep");
    command.arg("60").current_dir("/");
    if rustix::process::geteuid().is_root() {
        command.uid(data.uid()).gid(data.gid());
    }
    command.spawn().unwrap()
}

#[tokio::test]
async fn a_pid_file_whose_number_went_to_another_program_does_not_block_the_start() {
    let folder = folder();
    let home = folder.path().join("pg");
    Server::start(&Config::new(&home)).await.unwrap().stop().await.unwrap();
    let mut other = sleeper(&home);
    power_cut(&home, other.id(), 1_000_000_000).await;
    let server = Server::start(&Config::new(&home)).await.unwrap();
    assert_eq!(server.role(), Role::Started);
    assert!(other.try_wait().unwrap().is_none(), "the other program was harmed");
    other.kill().unwrap();
    other.wait().unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_pid_file_whose_number_went_to_another_gyms_server_does_not_block_the_start() {
    let folder = folder();
    let (home, neighbour) = (folder.path().join("pg"), folder.path().join("neighbour"));
    let neighbour = Server::start(&Config::new(&neighbour)).await.unwrap();
    let theirs = neighbour.pid().await;
    power_cut(&home, theirs.try_into().unwrap(), 4_000_000_000).await;
    let server = Server::start(&Config::new(&home)).await.unwrap();
    assert_eq!(server.role(), Role::Started);
    assert_ne!(server.pid().await, theirs);
    server.stop().await.unwrap();
    assert!(is_running(theirs), "the neighbour's server was harmed");
    neighbour.stop().await.unwrap();
}

#[tokio::test]
async fn a_folder_that_is_no_database_is_refused_and_left_alone() {
    let folder = folder();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("holiday.txt"), "photos").unwrap();
    let error = Server::start(&Config::new(folder.path())).await.unwrap_err();
    assert!(matches!(&error, Error::NotADataFolder(path) if path.ends_with("data")), "{error:?}");
    assert!(data.join("holiday.txt").exists());
}

#[tokio::test]
async fn a_data_folder_of_another_version_is_named() {
    let folder = folder();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("PG_VERSION"), "15\n").unwrap();
    let error = Server::start(&Config::new(folder.path())).await.unwrap_err();
    assert!(error.to_string().ends_with("belongs to Postgres 15; this program runs Postgres 18."), "{error}");
}

#[tokio::test]
async fn a_damaged_database_says_what_the_server_said() {
    let folder = folder();
    let home = folder.path().join("pg");
    Server::start(&Config::new(&home)).await.unwrap().stop().await.unwrap();
    File::options().write(true).truncate(true).open(home.join("data/global/pg_control")).unwrap();
    let error = Server::start(&Config::new(&home)).await.unwrap_err();
    assert!(matches!(&error, Error::StartFailed { log } if log.contains("pg_control")), "{error:?}");
}

#[tokio::test]
async fn a_set_up_that_was_cut_short_is_done_again() {
    let folder = folder();
    let half = folder.path().join("data.new/base");
    fs::create_dir_all(half).unwrap();
    let server = Server::start(&Config::new(folder.path())).await.unwrap();
    assert_eq!(server.role(), Role::Started);
    assert!(!folder.path().join("data.new").exists());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn lost_passwords_are_made_anew() {
    let folder = folder();
    let home = folder.path().join("pg");
    let server = Server::start(&Config::new(&home)).await.unwrap();
    let before = password(server.app_url());
    server.stop().await.unwrap();
    fs::remove_file(home.join("secrets.json")).unwrap();
    let server = Server::start(&Config::new(&home)).await.unwrap();
    assert_ne!(password(server.app_url()), before);
    assert_eq!(ask(server.app_url(), "select 'in'").await, "in");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_backup_taken_at_work_brings_back_what_was_there_and_nothing_later() {
    let folder = folder();
    let home = folder.path().join("pg");
    let backup = folder.path().join("before migration");
    let server = Server::start(&Config::new(&home)).await.unwrap();
    let mut owner = connect(server.owner_url()).await;
    owner.execute("create table entries as select n from generate_series(1, 50000) n").await.unwrap();
    // Somebody checks in all the while.
    let url = server.owner_url().expose();
    let at_work = tokio::spawn(async move {
        let mut db = PgConnection::connect(&url).await.unwrap();
        loop {
            db.execute("update entries set n = n where n % 10 = 0").await.unwrap();
        }
    });
    server.backup(&backup).await.unwrap();
    at_work.abort();
    owner.execute("drop table entries").await.unwrap();

    let error = restore(&Config::new(&home), &backup).await.unwrap_err();
    assert!(matches!(error, Error::InUse(_)), "{error:?}");
    drop(owner);
    server.stop().await.unwrap();
    let kept = restore(&Config::new(&home), &backup).await.unwrap().expect("the former data is kept");
    assert!(kept.join("PG_VERSION").exists());

    let server = Server::start(&Config::new(&home)).await.unwrap();
    assert_eq!(ask(server.owner_url(), "select count(*)::text from entries").await, "50000");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_backup_is_restored_on_a_new_machine() {
    let folder = folder();
    let backup = folder.path().join("backup");
    let server = Server::start(&Config::new(folder.path().join("old"))).await.unwrap();
    connect(server.owner_url()).await.execute("create table plans as select 'gold' as name").await.unwrap();
    server.backup(&backup).await.unwrap();
    server.stop().await.unwrap();

    let new = Config::new(folder.path().join("new"));
    assert_eq!(restore(&new, &backup).await.unwrap(), None);
    let server = Server::start(&new).await.unwrap();
    assert_eq!(ask(server.owner_url(), "select name from plans").await, "gold");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn half_a_backup_is_not_restored() {
    let folder = folder();
    let error = restore(&Config::new(folder.path().join("pg")), folder.path()).await.unwrap_err();
    assert!(matches!(error, Error::NotABackup(_)), "{error:?}");
}

#[tokio::test]
async fn a_home_with_a_very_long_path_works() {
    let folder = folder();
    let home: PathBuf = folder.path().join("a gym with a long name ".repeat(6));
    let server = Server::start(&Config::new(&home)).await.unwrap();
    assert_eq!(ask(server.app_url(), "select 'up'").await, "up");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_folder_that_the_unprivileged_account_cannot_enter_is_named() {
    if !rustix::process::geteuid().is_root() {
        // An ordinary user's server runs as that user, who can enter the folder.
        return;
    }
    let closed = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in("/var/tmp")
        .unwrap();
    let error = Server::start(&Config::new(closed.path().join("pg"))).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { path, .. } if path == closed.path()), "{error:?}");
}
