use std::env;
use std::path::PathBuf;
use std::time::Duration;

/// Where the server lives and how it runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of the server: data, socket, lock, passwords, log. Made when missing.
    pub home: PathBuf,
    /// The installer's folder for bundled files, searched for the server's programs.
    pub resources: Option<PathBuf>,
    /// Whether a commit survives a power cut.
    pub durability: Durability,
    /// When the server goes.
    pub lifetime: Lifetime,
    /// Connections that the server accepts.
    pub max_connections: u16,
    /// How long a start may take, crash recovery included.
    pub start_timeout: Duration,
}

/// Whether a commit survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// fsync on: what was answered is on the disk.
    Durable,
    /// fsync off, for test clusters that are thrown away.
    OffForTests,
}

/// When the server goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// With the process that owns it, also when that is killed.
    WithOwner,
    /// Outlives every process; somebody else sends it SIGINT. For the tests' cluster, which many short
    /// processes share.
    Detached,
}

impl Config {
    /// A durable server in `home` that goes with its owner.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            resources: None,
            durability: Durability::Durable,
            lifetime: Lifetime::WithOwner,
            max_connections: 60,
            start_timeout: Duration::from_mins(2),
        }
    }
}

/// Where the server of this account lives: `GATEHOUSE_HOME`, else the account's data folder, for root a
/// folder that an unprivileged account can reach. Window and command line agree on it, so that the second
/// joins the first.
pub fn default_home() -> PathBuf {
    let base = match env::var_os("GATEHOUSE_HOME") {
        Some(chosen) => PathBuf::from(chosen),
        None if rustix::process::geteuid().is_root() => PathBuf::from("/var/lib/gatehouse"),
        None => user_dir("XDG_DATA_HOME", ".local/share").join("gatehouse"),
    };
    base.join("postgres")
}

/// One of the account's folders, by the XDG base directory specification.
pub(crate) fn user_dir(variable: &str, below_home: &str) -> PathBuf {
    env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| env::home_dir().map(|home| home.join(below_home)))
        .unwrap_or_else(env::temp_dir)
}
