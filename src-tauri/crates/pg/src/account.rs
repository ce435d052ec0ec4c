use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::Error;
use crate::error::At;

/// `nobody` and `nogroup` on Debian and its relatives.
const NOBODY: (u32, u32) = (65534, 65534);

/// The account that the server runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// The account of this process.
    Ours,
    /// We are root, and Postgres refuses to be.
    Lowered { uid: u32, gid: u32 },
}

impl Account {
    /// As root: whoever owns the data already, else nobody.
    pub fn for_data(data: &Path) -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self::Ours;
        }
        let (uid, gid) = data
            .metadata()
            .map(|meta| (meta.uid(), meta.gid()))
            .ok()
            .filter(|(uid, _)| *uid != 0)
            .unwrap_or(NOBODY);
        Self::Lowered { uid, gid }
    }

    pub fn uid(self) -> u32 {
        match self {
            Self::Ours => rustix::process::geteuid().as_raw(),
            Self::Lowered { uid, .. } => uid,
        }
    }

    /// Lets `command` run as this account.
    pub fn run(self, command: &mut Command) -> &mut Command {
        match self {
            Self::Ours => command,
            Self::Lowered { uid, gid } => command.uid(uid).gid(gid),
        }
    }

    /// Gives one file or folder to this account.
    pub fn give(self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Ours => Ok(()),
            Self::Lowered { uid, gid } => chown(path, Some(uid), Some(gid)).at("Cannot hand over", path),
        }
    }

    /// Refuses a folder below one that this account cannot pass (root's home, a private temporary folder).
    pub fn can_reach(self, path: &Path) -> Result<(), Error> {
        let Self::Lowered { uid, gid } = self else { return Ok(()) };
        let mut way: Vec<&Path> = path.ancestors().filter(|path| path.is_dir()).collect();
        way.reverse();
        for path in way {
            let meta = path.metadata().at("Cannot open", path)?;
            let passes = match meta.mode() {
                mode if meta.uid() == uid => mode & 0o100,
                mode if meta.gid() == gid => mode & 0o010,
                mode => mode & 0o001,
            };
            if passes == 0 {
                return Err(Error::Unreachable { path: path.to_owned(), uid });
            }
        }
        Ok(())
    }
}
