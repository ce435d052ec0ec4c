//! A plain Postgres with TLS on a port of this machine, as a headquarters is, and the authorities that certify it.
use gatehouse_pg::{Binaries, default_binaries_dir};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// `nobody`, when we are root, which Postgres refuses to be.
const NOBODY: u32 = 65_534;

/// Somebody who certifies servers.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// Certificates for a server, its own first, and its key.
pub struct Certified {
    pub chain: String,
    pub key: String,
}

impl Authority {
    /// # Panics
    /// When the machine gives no randomness.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its own certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// For a server of that host name.
    ///
    /// # Panics
    /// For a name that is none.
    pub fn certify(&self, host: &str) -> Certified {
        self.certify_until(host, 2100)
    }

    /// One that ends with that year.
    ///
    /// # Panics
    /// For a name that is none.
    pub fn certify_until(&self, host: &str, year: i32) -> Certified {
        let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a host name");
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let key = KeyPair::generate().expect("a key");
        let own = params.signed_by(&key, &self.issuer).expect("a certificate");
        Certified { chain: own.pem() + &self.pem, key: key.serialize_pem() }
    }
}

/// A server that goes with the value.
pub struct TlsServer {
    pub port: u16,
    folder: TempDir,
    postmaster: Child,
}

/// Who owns the headquarters' database there.
pub const HQ_OWNER: &str = "hq_owner";
/// And its name.
pub const HQ_DATABASE: &str = "gatehouse";

impl TlsServer {
    /// # Panics
    /// When there are no programs, or the server does not start.
    pub async fn start(certified: &Certified) -> Self {
        Binaries::find(None).expect("the server's programs");
        let folder =
            tempfile::Builder::new().prefix("gatehouse-tls-").tempdir_in("/var/tmp").expect("a folder");
        let root = folder.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).expect("an open folder");
        let is_root =
            fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
        if is_root {
            chown(root, Some(NOBODY), Some(NOBODY)).expect("handed over");
        }
        let data = root.join("data");
        let made = program("initdb", is_root)
            .arg("-D")
            .arg(&data)
            .args(["-U", "postgres", "--auth=trust", "--no-sync", "--no-instructions", "--encoding=UTF8"])
            .args(["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8"])
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::write(
            data.join("pg_hba.conf"),
            "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n",
        )
        .expect("who may connect");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|line| line.local_addr()).expect("a port").port();
        let settings = format!(
            "\nlisten_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nssl = on\nfsync = off\n\
             log_connections = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\nmax_connections = 40\n",
            root.display()
        );
        let conf = data.join("postgresql.conf");
        let before = fs::read_to_string(&conf).expect("the settings");
        fs::write(&conf, before + &settings).expect("the settings");
        put(&data, certified, is_root);
        let log = fs::File::create(root.join("log")).expect("a log");
        let postmaster = program("postgres", is_root)
            .arg("-D")
            .arg(&data)
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("postgres runs");
        watch(postmaster.id());
        let server = Self { port, folder, postmaster };
        server
            .run(&format!("create role {HQ_OWNER} login createrole password 'of a test'"), "postgres")
            .await;
        server.run(&format!("create database {HQ_DATABASE} owner {HQ_OWNER}"), "postgres").await;
        server
    }

    /// The headquarters' owner, over the socket.
    pub fn owner_url(&self) -> String {
        format!(
            "postgres://{HQ_OWNER}@localhost:{}/{HQ_DATABASE}?host={}",
            self.port,
            self.folder.path().display()
        )
    }

    /// Does something as the server's administrator.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn run(&self, statement: &str, database: &str) {
        let url = format!(
            "postgres://postgres@localhost:{}/{database}?host={}",
            self.port,
            self.folder.path().display()
        );
        for patience in (0..100).rev() {
            match PgConnection::connect(&url).await {
                Ok(mut admin) => {
                    admin
                        .execute(AssertSqlSafe(statement))
                        .await
                        .unwrap_or_else(|error| panic!("{statement}: {error}"));
                    return;
                }
                Err(error) if patience == 0 => panic!("{error}\n{}", self.log()),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Another certificate from now on.
    ///
    /// # Panics
    /// When the files cannot be written.
    pub async fn show(&self, certified: &Certified) {
        put(&self.folder.path().join("data"), certified, true);
        self.reload().await;
    }

    /// No TLS from now on.
    pub async fn without_tls(&self) {
        self.run("alter system set ssl = off", "postgres").await;
        self.reload().await;
    }

    async fn reload(&self) {
        self.run("select pg_reload_conf()", "postgres").await;
        // The postmaster is told by a signal.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    /// Everything that the server has written.
    ///
    /// # Panics
    /// When its file is gone.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).expect("the log")
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        // Its children see that it is gone, and go.
        if let Err(error) = self.postmaster.kill().and_then(|()| self.postmaster.wait().map(drop)) {
            eprintln!("the test's server stays: {error}");
        }
    }
}

fn program(name: &str, is_root: bool) -> Command {
    let dir = std::env::var_os("GATEHOUSE_PG_DIR").map_or_else(default_binaries_dir, PathBuf::from);
    let mut command = Command::new(dir.join("bin").join(name));
    command.env_clear().env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
    if is_root {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn put(data: &Path, certified: &Certified, is_root: bool) {
    for (name, text) in [("server.crt", &certified.chain), ("server.key", &certified.key)] {
        let path = data.join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a private file");
        if is_root && std::os::unix::fs::MetadataExt::uid(&data.metadata().expect("the folder")) == NOBODY {
            chown(&path, Some(NOBODY), Some(NOBODY)).expect("handed over");
        }
    }
}

/// Ends the server when this process was killed.
fn watch(server: u32) {
    let watcher = Command::new("sh")
        .args([
            "-c",
            "while sleep 2 && kill -0 $1 2>/dev/null; do kill -0 $0 2>/dev/null || kill -INT $1; done",
        ])
        .arg(std::process::id().to_string())
        .arg(server.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    drop(watcher.expect("a shell"));
}
