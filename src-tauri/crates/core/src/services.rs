//! What every use case needs: the database, the clock, the files.
use crate::clock::Clock;
use crate::sealed::KeyFile;
use chrono::{DateTime, SubsecRound as _, Utc};
use sqlx::PgPool;
use std::path::PathBuf;
use std::sync::Arc;

/// Shared by all hosts; cheap to clone.
#[derive(Clone)]
pub struct Services {
    pub db: PgPool,
    pub clock: Arc<dyn Clock>,
    /// Folder of members' photos and documents.
    pub files: PathBuf,
    /// The key that secrets in the database are encrypted with.
    pub keys: KeyFile,
}

impl Services {
    pub fn now(&self) -> DateTime<Utc> {
        // As precise as the database stores it: what is hashed here is read back the same.
        self.clock.now().trunc_subsecs(6)
    }
}
