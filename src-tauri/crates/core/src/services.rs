//! What every use case needs: the database, the clock, the files.
use crate::clock::Clock;
use crate::sales::shelf::Shelf;
use crate::sealed::KeyFile;
use crate::warm::{Line, Warm};
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
    /// What is sold, as it was read last.
    pub(crate) shelf: Shelf,
    warm: Warm,
}

impl Services {
    pub fn new(db: PgPool, clock: Arc<dyn Clock>, files: PathBuf, keys: KeyFile) -> Self {
        Self { db, clock, files, keys, shelf: Shelf::default(), warm: Warm::default() }
    }

    /// The same over another database.
    #[must_use]
    pub fn over(&self, db: PgPool) -> Self {
        Self::new(db, self.clock.clone(), self.files.clone(), self.keys.clone())
    }

    pub fn now(&self) -> DateTime<Utc> {
        // As precise as the database stores it: what is hashed here is read back the same.
        self.clock.now().trunc_subsecs(6)
    }

    /// A connection for what a desk does all day; see [`Warm::take`].
    pub(crate) async fn line(&self) -> Result<Line, sqlx::Error> {
        self.warm.take(&self.db).await
    }

    /// Gives it back when all went well; see [`Warm::rest`].
    pub(crate) fn rest(&self, line: Line) {
        self.warm.rest(line);
    }
}
