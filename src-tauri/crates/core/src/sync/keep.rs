//! Keeps a branch in step with its headquarters: a round whenever something was written here or fed there, and every so
//! often in case a wake-up got lost. The desk never waits for any of it.
use super::contact;
use super::model::{Limits, back_off};
use super::relay::{Round, Stopped, round};
use crate::gym::service as gym;
use crate::random;
use crate::services::Services;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use std::future::pending;
use std::time::Duration;

/// A round without a wake-up.
const POLL: Duration = Duration::from_secs(15);
/// How long reaching headquarters may take.
const CONNECT: Duration = Duration::from_secs(10);
/// Connections to headquarters: one for rounds, one to be woken by.
const CONNECTIONS: u32 = 2;

/// As [`keep`], by the URL of the headquarters' database with the branch's own role.
pub async fn keep_in_step(services: Services, url: String) {
    match url.parse::<PgConnectOptions>() {
        Ok(options) => keep(services, options).await,
        Err(error) => {
            tracing::error!(%error, "the headquarters' URL cannot be read; this branch stays alone");
        }
    }
}

/// Goes on until it is dropped, which is safe at any moment.
pub async fn keep(services: Services, headquarters: PgConnectOptions) {
    let hq = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(CONNECT)
        .connect_lazy_with(headquarters.application_name("gatehouse relay"));
    let (mut here, mut there) = (None, None);
    let mut failures = 0_u32;
    let mut has_desk = false;
    loop {
        let tried = one(&services, &hq).await;
        if let Err(why) = &tried
            && let Err(error) = contact::failed(&services, why).await
        {
            tracing::warn!(%error, "how the relay fares cannot be written down");
        }
        match tried {
            Ok(done) => {
                if failures > 0 {
                    tracing::info!("headquarters answers again");
                }
                failures = 0;
                // Where nobody could make one, since the branch's row came by this relay.
                has_desk = has_desk || gym::first_desk(&services).await.unwrap_or(false);
                if done != Round::default() {
                    tracing::info!(?done, "in step with headquarters");
                }
            }
            Err(Stopped::NoBranch) => {
                tracing::error!("a headquarters is set, but this database has joined none");
                return;
            }
            Err(error) => {
                // Once per outage: a branch without a network is no news every two minutes.
                if failures == 0 {
                    tracing::warn!(%error, "out of step with headquarters");
                }
                failures = failures.saturating_add(1);
            }
        }
        if failures == 0 {
            listen(&mut here, &services.db, "gatehouse_sync").await;
            listen(&mut there, &hq, "gatehouse_feed").await;
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = woken(&mut here) => {}
                () = woken(&mut there) => {}
            }
        } else {
            let draw = u32::from_be_bytes(random::bytes());
            tokio::time::sleep(back_off(failures, draw).to_std().unwrap_or(POLL)).await;
        }
    }
}

async fn one(services: &Services, hq: &PgPool) -> Result<Round, Stopped> {
    let mut line = hq.acquire().await?;
    let begun = contact::begin(services, &mut line).await?;
    let done = round(services, &mut line, Limits::default()).await;
    if done.is_err() {
        // Whatever it was in the middle of, the next round begins with a line of its own.
        drop(line.detach());
    } else {
        contact::done(services, begun).await?;
    }
    done
}

async fn listen(listener: &mut Option<PgListener>, pool: &PgPool, channel: &str) {
    if listener.is_none()
        && let Ok(mut new) = PgListener::connect_with(pool).await
        && new.listen(channel).await.is_ok()
    {
        *listener = Some(new);
    }
}

async fn woken(listener: &mut Option<PgListener>) {
    match listener {
        // What is told while it was gone is found by the round that follows.
        Some(one) => match one.try_recv().await {
            Ok(Some(_)) => while let Some(_more) = one.next_buffered() {},
            Ok(None) | Err(_) => *listener = None,
        },
        None => pending().await,
    }
}
