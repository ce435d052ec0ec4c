//! Connections that stay warm for the desk.
//!
//! A pool hands out the connection that rested longest, and asks each one that comes back whether it still stands. What a
//! desk does all day is quickest on the connection that did it last: its server process has plans and pages at hand, and
//! nothing else is asked of it meanwhile.
use crate::db::RESTED;
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, PgConnection, PgPool, Postgres};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Connections at rest at most: the desks of one machine, with room for a second window.
const MOST: usize = 4;

/// What rests, last used last.
#[derive(Clone, Debug, Default)]
pub struct Warm(Arc<Mutex<Vec<(PgConnection, Instant)>>>);

impl Warm {
    /// The connection that was used last, or one of the pool's.
    ///
    /// # Errors
    /// Those of [`PgPool::acquire`].
    pub async fn take(&self, pool: &PgPool) -> Result<Line, sqlx::Error> {
        while let Some((mut db, since)) = self.pop() {
            // The server may have gone meanwhile.
            if since.elapsed() < RESTED || db.ping().await.is_ok() {
                return Ok(Line(Source::Rest(db)));
            }
        }
        Ok(Line(Source::Pool(pool.acquire().await?)))
    }

    /// Keeps a connection on which nothing is under way. One that is dropped instead goes back to the pool or is closed, and
    /// what was under way is taken back by the server.
    pub fn rest(&self, line: Line) {
        let mut rested = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rested.len() < MOST {
            let db = match line.0 {
                Source::Pool(db) => db.detach(),
                Source::Rest(db) => db,
            };
            rested.push((db, Instant::now()));
        }
    }

    fn pop(&self) -> Option<(PgConnection, Instant)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// A connection for one act at the desk.
#[derive(Debug)]
pub struct Line(Source);

#[derive(Debug)]
enum Source {
    Pool(PoolConnection<Postgres>),
    Rest(PgConnection),
}

impl Deref for Line {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match &self.0 {
            Source::Pool(db) => db,
            Source::Rest(db) => db,
        }
    }
}

impl DerefMut for Line {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match &mut self.0 {
            Source::Pool(db) => db,
            Source::Rest(db) => db,
        }
    }
}
