//! Who is logged in at this desk, so that it knows without asking. Kept encrypted, for a start without the branch machine.
use super::certificate::write_private;
use gatehouse_core::auth::wire::Me;
use gatehouse_core::sealed::{KeyFile, hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const FILE: &str = "people.sealed";
const ABOUT: &str = "people at a desk";
/// Sessions remembered.
const MOST: usize = 32;

/// Sessions by the hash of their token.
pub struct People {
    path: PathBuf,
    keys: KeyFile,
    known: Mutex<Known>,
}

#[derive(Default, Serialize, Deserialize)]
struct Known {
    people: HashMap<String, Me>,
    /// Tokens of sessions that were locked or left while the branch machine did not know; it has to be told.
    locked: BTreeSet<String>,
}

impl People {
    /// What cannot be read counts as nobody: they log in again.
    pub fn open(folder: &Path, keys: KeyFile) -> Self {
        let path = folder.join(FILE);
        let read = || {
            let sealed = fs::read(&path).ok()?;
            serde_json::from_str(keys.open(ABOUT, &sealed).ok()?.expose()).ok()
        };
        let known = Mutex::new(read().unwrap_or_default());
        Self { path, keys, known }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.known();
        let old = serde_json::to_string(&*known).unwrap_or_default();
        change(&mut known);
        let new = serde_json::to_string(&*known).unwrap_or_default();
        if old == new {
            return;
        }
        let written = self
            .keys
            .seal(ABOUT, &new)
            .map_err(|error| error.to_string())
            .and_then(|sealed| write_private(&self.path, &sealed).map_err(|error| error.to_string()));
        if let Err(error) = written {
            tracing::warn!(error, "who is at the desk is known until the next start only");
        }
    }

    pub fn get(&self, token: &str) -> Option<Me> {
        self.known().people.get(&digest(token)).cloned()
    }

    pub fn know(&self, token: &str, me: Me) {
        self.change(|known| {
            if known.people.len() >= MOST {
                known.people.clear();
            }
            known.people.insert(digest(token), me);
        });
    }

    pub fn forget(&self, token: &str) {
        self.change(|known| drop(known.people.remove(&digest(token))));
    }

    /// The session is locked as soon as the branch machine is back.
    pub fn lock(&self, token: &str) {
        self.change(|known| {
            known.locked.insert(token.to_owned());
        });
    }

    /// Those that it has to be told of.
    pub fn locked(&self) -> Vec<String> {
        self.known().locked.iter().cloned().collect()
    }

    /// It was told.
    pub fn was_told(&self, token: &str) {
        self.change(|known| {
            known.locked.remove(token);
        });
    }

    pub fn forget_all(&self) {
        self.change(|known| *known = Known::default());
    }
}

fn digest(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}
