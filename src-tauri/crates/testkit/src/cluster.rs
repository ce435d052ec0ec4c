//! A database of its own for every test, cloned from a migrated template.
//!
//! All test processes of a run share one server below the target folder: the first starts it, a watcher ends it
//! some seconds after the last has gone. fsync is off here and only here.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use gatehouse_core::db;
use gatehouse_pg::{APP_ROLE, Config, Durability, Error, Lifetime, OWNER_ROLE, Role, Server};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgPool};
use tokio::sync::OnceCell;

const GRANTS: &str = include_str!("../../../../migrations/grants.sql");
/// Connections that one test's pool may open.
const POOL: u32 = 8;
/// Seconds between two looks of the watcher.
const WATCH: u32 = 20;

/// A migrated, empty database that vanishes with the value. Holds the product's two roles.
pub struct TestDb {
    /// A pool as the owner: sees and changes everything.
    pub owner: PgPool,
    /// A pool as the services work: grants only.
    pub app: PgPool,
    /// The owner's connection URL.
    pub owner_url: String,
    /// The app's connection URL.
    pub app_url: String,
    name: String,
    admin_url: String,
}

impl TestDb {
    /// A database with all migrations and no row but theirs.
    ///
    /// # Panics
    /// When there is no server: a test cannot go on without.
    pub async fn new() -> Self {
        let cluster = cluster().await;
        Self::create(cluster, &cluster.template).await
    }

    /// A database without migrations.
    ///
    /// # Panics
    /// When there is no server: a test cannot go on without.
    pub async fn empty() -> Self {
        Self::create(cluster().await, "template1").await
    }

    /// A database with all migrations on a server of the test's own, which it may kill.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn on(server: &Server) -> Self {
        let db = Self::create_on(server, "template1").await;
        db::migrate(&db.owner_url, Some(APP_ROLE)).await.expect("the migrations run");
        db
    }

    /// How a role of this name logs in here: one that may do nothing but what it is granted. It goes with the database.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn login(&self, role: &str) -> PgConnectOptions {
        let role = format!("{}_{role}", self.name);
        run(&self.admin_url, &format!("drop role if exists {role}")).await;
        run(&self.admin_url, &format!("create role {role} login password 'of a test'")).await;
        let options: PgConnectOptions = self.app_url.parse().expect("our own URL is valid");
        options.username(&role).password("of a test")
    }

    /// Ends a role's sessions in this database, as a line that is cut does.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn end_sessions(&self, role: &str) {
        let mut admin = PgConnection::connect(&self.admin_url).await.expect("the tests' Postgres answers");
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 and datname = $2",
        )
        .bind(role)
        .bind(&self.name)
        .execute(&mut admin)
        .await
        .expect("sessions end");
        admin.close().await.expect("a connection closes");
    }

    /// A copy of it as it is now. Ends all sessions in it, as a copy needs it alone; pools log in again.
    ///
    /// # Panics
    /// When the server refuses, or it is not the tests' own.
    pub async fn backup(&self) -> Self {
        self.shut().await;
        let copy = Self::create(cluster().await, &self.name).await;
        run(&self.admin_url, &format!("alter database {} with allow_connections true", self.name)).await;
        copy
    }

    /// Puts it back to a copy. Ends all sessions in it; pools log in again.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn restore(&self, from: &Self) {
        self.shut().await;
        from.shut().await;
        run(&self.admin_url, &format!("drop database {}", self.name)).await;
        run(
            &self.admin_url,
            &format!("create database {} template {} owner {OWNER_ROLE}", self.name, from.name),
        )
        .await;
        run(&self.admin_url, &format!("alter database {} with allow_connections true", from.name)).await;
    }

    /// Nobody is in it, and nobody gets in.
    async fn shut(&self) {
        run(&self.admin_url, &format!("alter database {} with allow_connections false", self.name)).await;
        let end = format!(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{}'",
            self.name
        );
        run(&self.admin_url, &end).await;
    }

    async fn create(cluster: &Cluster, template: &str) -> Self {
        Self::create_on(&cluster.server, template).await
    }

    async fn create_on(server: &Server, template: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let admin_url = server.admin_url().expose();
        run(&admin_url, &format!("create database {name} template {template} owner {OWNER_ROLE}")).await;
        let owner_url = server.owner_url().with_database(&name).expose();
        let app_url = server.app_url().with_database(&name).expose();
        let pool = |url: &str| {
            PgPoolOptions::new().max_connections(POOL).connect_lazy(url).expect("our own URL is valid")
        };
        Self { owner: pool(&owner_url), app: pool(&app_url), owner_url, app_url, name, admin_url }
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let drop_it = format!("drop database if exists {} with (force)", self.name);
        let roles = format!(
            "do $$ declare r name; begin
                 for r in select rolname from pg_roles where rolname like '{}\\_%' loop execute format('drop role %I', r); end loop;
             end $$",
            self.name.replace('_', "\\_")
        );
        let admin_url = self.admin_url.clone();
        // On a thread of its own: the test's runtime cannot be waited for from here.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                run(&admin_url, &drop_it).await;
                run(&admin_url, &roles).await;
            });
        });
        if thread.join().is_err() {
            eprintln!("the test's database {} stays until the next run", self.name);
        }
    }
}

struct Cluster {
    server: Server,
    template: String,
    /// Held shared while this process lives; the watcher asks for it alone.
    _user: File,
}

async fn cluster() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER
        .get_or_init(async || match join(&target_dir()).await {
            // Root's own folder may be closed to the account that Postgres runs as.
            Err(Error::Unreachable { .. }) => {
                let name = format!("gatehouse-test-{:016x}", hash(&target_dir()));
                join(&Path::new("/var/tmp").join(name)).await.expect("the tests' Postgres starts")
            }
            joined => joined.expect("the tests' Postgres starts"),
        })
        .await
}

async fn join(below: &Path) -> Result<Cluster, Error> {
    let home = below.join("test-postgres");
    fs::create_dir_all(below).expect("the target folder can be made");
    let users = below.join("test-postgres.users");
    let user = File::create(&users).expect("the target folder can be written");
    user.lock_shared().expect("the users' lock");
    let server = Server::start(&Config {
        durability: Durability::OffForTests,
        lifetime: Lifetime::Detached,
        max_connections: 300,
        ..Config::new(home)
    })
    .await?;
    let admin_url = server.admin_url().expose();
    if server.role() == Role::Started {
        watch(server.pid().await, &users).expect("a shell");
        drop_leftovers(&admin_url, &template_name()).await;
    }
    let template = template(&server, &admin_url).await;
    Ok(Cluster { server, template, _user: user })
}

/// The migrated database that others are cloned from, made by whoever comes first.
async fn template(server: &Server, admin_url: &str) -> String {
    let name = template_name();
    let mut admin = PgConnection::connect(admin_url).await.expect("the tests' Postgres answers");
    admin.execute("select pg_advisory_lock(1)").await.expect("one maker at a time");
    let known: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(&name)
        .fetch_one(&mut admin)
        .await
        .expect("the list of databases");
    if !known {
        let half = format!("{name}_half");
        run(admin_url, &format!("drop database if exists {half} with (force)")).await;
        run(admin_url, &format!("create database {half} owner {OWNER_ROLE}")).await;
        let owner_url = server.owner_url().with_database(&half).expose();
        db::migrate(&owner_url, Some(APP_ROLE)).await.expect("the migrations run");
        run(admin_url, &format!("alter database {half} with allow_connections false")).await;
        run(admin_url, &format!("alter database {half} rename to {name}")).await;
    }
    admin.close().await.expect("the lock goes with the connection");
    name
}

fn template_name() -> String {
    let sums: Vec<_> = db::MIGRATIONS.iter().map(|migration| &migration.checksum).collect();
    format!("template_{:016x}", hash(&(sums, GRANTS)))
}

/// Databases of test processes that were killed, and templates of former migrations. Of this one's, another
/// process may already be cloning.
async fn drop_leftovers(admin_url: &str, template: &str) {
    let mut admin = PgConnection::connect(admin_url).await.expect("the tests' Postgres answers");
    let names: Vec<String> =
        sqlx::query_scalar("select datname from pg_database where datname ~ '^(t|template)_'")
            .fetch_all(&mut admin)
            .await
            .expect("the list of databases");
    for name in names {
        let in_use = name.starts_with(template)
            || name
                .strip_prefix("t_")
                .and_then(|rest| rest.split('_').next())
                .is_some_and(|pid| Path::new("/proc").join(pid).exists());
        if !in_use {
            run(admin_url, &format!("drop database if exists {name} with (force)")).await;
        }
    }
}

async fn run(admin_url: &str, statement: &str) {
    let mut admin = PgConnection::connect(admin_url).await.expect("the tests' Postgres answers");
    admin.execute(AssertSqlSafe(statement)).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    admin.close().await.expect("a connection closes");
}

/// Ends the server when no test process has the users' file open any more.
fn watch(server: i32, users: &Path) -> io::Result<()> {
    Command::new("sh")
        .args(["-c", "while sleep $2 && kill -0 $0; do flock -n -x \"$1\" kill -INT $0 && exit; done"])
        .arg(server.to_string())
        .arg(users)
        .arg(WATCH.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map(drop)
}

/// Test programs run from `<target>/<profile>/deps`.
fn target_dir() -> PathBuf {
    let exe = env::current_exe().expect("a running program has a path");
    exe.ancestors()
        .find(|folder| folder.ends_with("deps"))
        .and_then(|deps| deps.ancestors().nth(2))
        .map_or_else(env::temp_dir, Path::to_owned)
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_test_has_a_migrated_database_of_its_own() {
        let (one, other) = (TestDb::new().await, TestDb::new().await);
        assert_ne!(one.name, other.name);
        for test in [&one, &other] {
            let members: i64 =
                sqlx::query_scalar("select count(*) from members").fetch_one(&test.app).await.unwrap();
            assert_eq!(members, 0);
        }
    }

    #[tokio::test]
    async fn the_services_role_cannot_change_the_ledger() {
        let test = TestDb::new().await;
        let error = test.app.execute("delete from ledger_entries").await.unwrap_err().to_string();
        assert!(error.contains("permission denied"), "{error}");
    }

    #[tokio::test]
    async fn a_database_goes_with_its_test() {
        let test = TestDb::new().await;
        let (admin_url, name) = (test.admin_url.clone(), test.name.clone());
        drop(test);
        let mut admin = PgConnection::connect(&admin_url).await.unwrap();
        let left: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut admin)
            .await
            .unwrap();
        assert!(!left);
    }
}
