//! Tells a host when something about the relay may have changed, so that its desks look again. Whoever runs the relay, this
//! process or another one at the same database, is heard here.
use super::status::mode;
use super::view::SyncMode;
use crate::error::Error;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use std::time::Duration;

/// At most one telling in this time: while a queue drains, there is news with every batch.
const PAUSE: Duration = Duration::from_secs(2);
/// How often a database that is alone, or away, is asked whether it still is.
const LATER: Duration = Duration::from_mins(1);

/// Goes on until `tell` answers false or the pool is closed.
pub async fn follow(db: PgPool, tell: impl Fn() -> bool) {
    // An error is the end of the pool.
    drop(db.close_event().do_until(listened(&db, tell)).await);
}

async fn listened(db: &PgPool, tell: impl Fn() -> bool) {
    loop {
        if joined(db).await.unwrap_or(false) {
            if !tell() {
                return;
            }
            if let Ok(mut listener) = PgListener::connect_with(db).await
                && listener.listen_all(["gatehouse_status", "gatehouse_sync", "gatehouse_feed"]).await.is_ok()
            {
                while let Ok(Some(_)) = listener.try_recv().await {
                    tokio::time::sleep(PAUSE).await;
                    while let Some(_more) = listener.next_buffered() {}
                    if !tell() {
                        return;
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        } else {
            tokio::time::sleep(LATER).await;
        }
    }
}

async fn joined(db: &PgPool) -> Result<bool, Error> {
    let mut db = db.acquire().await?;
    Ok(mode(&mut db).await? != SyncMode::Alone)
}
