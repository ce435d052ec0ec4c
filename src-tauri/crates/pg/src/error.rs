use std::io;
use std::path::{Path, PathBuf};

/// What can stand between the product and its database. Each text is a sentence that can be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No folder with the server's programs was found.
    #[error(
        "The database programs were not found (looked in {}). Run `make run` once, or set GATEHOUSE_PG_DIR.",
        list(.looked_in)
    )]
    BinariesMissing {
        /// The folders that were tried, in order.
        looked_in: Vec<PathBuf>,
    },
    /// The server never runs as root, and the account it would run as cannot reach a folder.
    #[error(
        "The database does not run as root, and the unprivileged account {uid} cannot enter {}. \
         Choose a folder that others may pass through.",
        path.display()
    )]
    Unreachable {
        /// The first folder on the way that is closed.
        path: PathBuf,
        /// The account that the server would run as.
        uid: u32,
    },
    /// The data folder holds something, but not a database.
    #[error("{} is not a database folder. Move it away, or restore a backup.", .0.display())]
    NotADataFolder(PathBuf),
    /// The data folder belongs to another major version.
    #[error("{} belongs to Postgres {found}; this program runs Postgres {}.", path.display(), crate::MAJOR_VERSION)]
    WrongVersion {
        /// The data folder.
        path: PathBuf,
        /// The major version written in it.
        found: String,
    },
    /// A new data folder could not be made.
    #[error("The database could not be set up: {0}")]
    Initdb(String),
    /// The server came up and went away again; the text holds the last lines of its log.
    #[error("The database did not start: {log}")]
    StartFailed {
        /// The server's own last words.
        log: String,
    },
    /// The server is not ready in time (long recovery, or another program that never brings it up).
    #[error("The database was not ready after {seconds} s. See {}.", log.display())]
    NotReady {
        /// How long it was waited for.
        seconds: u64,
        /// The server's log.
        log: PathBuf,
    },
    /// The app is closing and has let go of its database.
    #[error("Gatehouse is closing.")]
    Stopped,
    /// A restore needs the server to be down, and somebody uses it.
    #[error("The database in {} is in use. Close Gatehouse everywhere first.", .0.display())]
    InUse(PathBuf),
    /// The folder is not a finished backup.
    #[error("{} is not a complete backup.", .0.display())]
    NotABackup(PathBuf),
    /// The folder for sockets exists and belongs to somebody else.
    #[error("{} belongs to another account; the database's socket will not be put there.", .0.display())]
    ForeignSocketFolder(PathBuf),
    /// The file system refused.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was being done, as the start of a sentence.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The server answered with an error.
    #[error("The database refused: {0}")]
    Sql(#[from] sqlx::Error),
}

/// Names the file in an [`io::Error`].
pub(crate) trait At<T> {
    fn at(self, what: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, what: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io { what, path: path.to_owned(), source })
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
