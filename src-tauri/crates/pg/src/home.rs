use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::account::Account;
use crate::error::At;

/// The longest path of a Unix socket (`sun_path` less its end), less the name that Postgres appends.
const LONGEST_SOCKET_DIR: usize = 107 - "/.s.PGSQL.5432".len();
/// A log beyond this size is set aside at the next start.
const LARGEST_LOG: u64 = 10 * 1024 * 1024;

/// The layout of the server's folder.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    root: PathBuf,
    sockets: PathBuf,
    pub account: Account,
}

impl Home {
    /// Makes the folders that are missing. Private to this account; as root, others pass but do not read.
    pub fn open(root: &Path) -> Result<Self, Error> {
        fs::create_dir_all(root.parent().unwrap_or(root)).at("Cannot make", root)?;
        let account = Account::for_data(&root.join("data"));
        let mode = if account == Account::Ours { 0o700 } else { 0o711 };
        make_dir(root, mode)?;
        let root = fs::canonicalize(root).at("Cannot open", root)?;
        account.can_reach(&root)?;
        let sockets = socket_dir(&root, account);
        let home = Self { root, sockets, account };
        home.make_private(&home.sockets)?;
        Ok(home)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub fn sockets(&self) -> &Path {
        &self.sockets
    }

    pub fn secrets(&self) -> PathBuf {
        self.root.join("secrets.json")
    }

    pub fn log(&self) -> PathBuf {
        self.root.join("server.log")
    }

    /// A folder that only the server's account may enter.
    pub fn make_private(&self, path: &Path) -> Result<(), Error> {
        make_dir(path, 0o700)?;
        let owner = fs::symlink_metadata(path).at("Cannot open", path)?;
        let ours = [rustix::process::geteuid().as_raw(), self.account.uid()];
        if !owner.is_dir() || !ours.contains(&owner.uid()) || owner.mode() & 0o077 != 0 {
            return Err(Error::ForeignSocketFolder(path.to_owned()));
        }
        self.account.give(path)
    }

    /// Whoever gets the lock owns the server until the file is closed, which a killed process does too.
    pub fn try_lock(&self) -> Result<Option<File>, Error> {
        let path = self.root.join("lock");
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).at("Cannot open", &path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).at("Cannot lock", &path),
        }
    }

    /// The server's log, to append to.
    pub fn open_log(&self) -> Result<File, Error> {
        let path = self.log();
        if path.metadata().is_ok_and(|meta| meta.len() > LARGEST_LOG) {
            fs::rename(&path, path.with_extension("log.old")).at("Cannot set aside", &path)?;
        }
        File::options().create(true).append(true).mode(0o600).open(&path).at("Cannot open", &path)
    }
}

fn make_dir(path: &Path, mode: u32) -> Result<(), Error> {
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.at("Cannot make", path),
    }
}

/// Beside the data, or, where that path is too long for a socket, a folder in /tmp named after it: the same
/// for everybody who joins.
fn socket_dir(root: &Path, account: Account) -> PathBuf {
    let beside = root.join("run");
    if beside.as_os_str().len() <= LONGEST_SOCKET_DIR {
        return beside;
    }
    let name = fnv1a(root.as_os_str().as_encoded_bytes());
    PathBuf::from(format!("/tmp/gatehouse-{}-{name:016x}", account.uid()))
}

/// FNV-1a, 64 bits: stable across programs and versions, which the standard library's hasher is not.
/// <http://www.isthe.com/chongo/tech/comp/fnv/>
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_too_long_for_a_socket_gets_a_short_one() {
        let long = PathBuf::from("/").join("x".repeat(120));
        assert_eq!(socket_dir(Path::new("/srv/gym"), Account::Ours), Path::new("/srv/gym/run"));
        assert!(socket_dir(&long, Account::Ours).as_os_str().len() <= LONGEST_SOCKET_DIR);
    }
}
