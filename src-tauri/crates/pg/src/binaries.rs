use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::Error;
use crate::config::user_dir;
use crate::error::At;

/// The server's programs.
#[derive(Debug, Clone)]
pub struct Binaries {
    dir: PathBuf,
}

impl Binaries {
    /// Finds the programs: `GATEHOUSE_PG_DIR` (nothing else when it is set), the installer's folder, the
    /// folder beside an installed program, the account's cache where `make run` puts them.
    pub fn find(resources: Option<&Path>) -> Result<Self, Error> {
        let candidates = env::var_os("GATEHOUSE_PG_DIR").map_or_else(
            || {
                [bundled(resources), installed(), Some(default_binaries_dir())]
                    .into_iter()
                    .flatten()
                    .collect()
            },
            |chosen| vec![PathBuf::from(chosen)],
        );
        let dir = candidates
            .iter()
            .find(|dir| dir.join("bin/postgres").is_file() && dir.join("bin/initdb").is_file())
            .ok_or_else(|| Error::BinariesMissing { looked_in: candidates.clone() })?;
        make_links(dir)?;
        Ok(Self { dir: fs::canonicalize(dir).at("Cannot open", dir)? })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }
}

fn bundled(resources: Option<&Path>) -> Option<PathBuf> {
    Some(resources?.join("postgres"))
}

/// Packages put programs in `bin` and their resources in `lib/Gatehouse` beside it.
fn installed() -> Option<PathBuf> {
    Some(env::current_exe().ok()?.parent()?.parent()?.join("lib/Gatehouse/postgres"))
}

/// Where set-up puts the programs: a cache of this account, for root one that all accounts can reach.
pub fn default_binaries_dir() -> PathBuf {
    let cache = if rustix::process::geteuid().is_root() {
        PathBuf::from("/var/cache")
    } else {
        user_dir("XDG_CACHE_HOME", ".cache")
    };
    cache.join("gatehouse").join("postgres-18.4")
}

#[derive(Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

/// npm packages cannot hold links; the package lists them in a file, and its install script, which careful
/// set-ups do not run, would make them. Paths are relative to the folder above ours.
fn make_links(dir: &Path) -> Result<(), Error> {
    let list = dir.join("pg-symlinks.json");
    let text = match fs::read(&list) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.at("Cannot read", &list)?,
    };
    let links: Vec<Link> = serde_json::from_slice(&text).map_err(io::Error::from).at("Cannot read", &list)?;
    for link in links {
        let (Ok(target), Some(source)) = (link.target.strip_prefix("native"), link.source.file_name()) else {
            continue;
        };
        let target = dir.join(target);
        match symlink(source, &target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // An installed folder belongs to root, and its links were made when it was packed.
            Err(_) if target.exists() => {}
            other => other.at("Cannot link", &target)?,
        }
    }
    Ok(())
}
