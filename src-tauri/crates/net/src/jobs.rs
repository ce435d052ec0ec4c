//! What happens by itself, by the clock. A job looks up what there is to do and does it; each run does the same as none
//! if nothing is due, so it does not matter which host runs it, or that two do.
use crate::desk::wire::DeskEvent;
use crate::host::Host;
use crate::lan;
use crate::payments;
use gatehouse_core::error::Error;
use gatehouse_core::sync::keep::{keep, keep_in_step};
use gatehouse_core::sync::relay::find_members;
use gatehouse_core::sync::{link, news};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// How often gateways are asked about open payments.
const SETTLE_EVERY: Duration = Duration::from_secs(30);
/// How often subscriptions are looked at that go on by themselves, and debts that are due.
const COLLECT_EVERY: Duration = Duration::from_mins(10);

/// Starts the jobs of a host; they end with [`stop`]. Without them payments are only settled when somebody asks.
pub async fn start(host: &Arc<Host>) {
    match started(host).await {
        Ok(scheduler) => *host.jobs().await = Some(scheduler),
        Err(error) => tracing::error!(%error, "nothing happens by itself"),
    }
    lan::open(host).await;
    let desks = Arc::downgrade(host);
    // Ends with the host.
    drop(tokio::spawn(news::follow(host.services().db.clone(), move || {
        desks.upgrade().inspect(|host| host.station.events.push(DeskEvent::SyncChanged)).is_some()
    })));
    if let Err(error) = relay(host).await {
        tracing::error!(%error, "this branch is not kept in step with its headquarters");
    }
}

/// Keeps a branch in step from now on, instead of a relay that runs already.
pub async fn relay(host: &Arc<Host>) -> Result<(), Error> {
    let services = host.services().clone();
    let running = if let Some(url) = &host.house.place.headquarters_url {
        tokio::spawn(keep_in_step(services, url.clone()))
    } else {
        let mut db = services.db.acquire().await?;
        // Most have no headquarters, and need no key.
        if link::place(&mut db).await?.is_none_or(|place| place.joined_at.is_none()) {
            return Ok(());
        }
        let Some(stored) = link::stored(&mut db, &services.keys).await? else { return Ok(()) };
        drop(db);
        tokio::spawn(keep(services, stored.link.options()))
    };
    host.relays_by(Some(running.abort_handle()));
    Ok(())
}

/// Ends them; what is under way is not waited for.
pub async fn stop(host: &Host) {
    lan::close(host);
    host.relays_by(None);
    if let Some(mut scheduler) = host.jobs().await.take()
        && let Err(error) = scheduler.shutdown().await
    {
        tracing::warn!(%error, "the jobs did not end cleanly");
    }
}

async fn started(host: &Arc<Host>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    scheduler.add(settle(Arc::downgrade(host))?).await?;
    scheduler.add(collect(Arc::downgrade(host))?).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

fn settle(host: Weak<Host>) -> Result<Job, JobSchedulerError> {
    // A run that takes longer than the pause, as with a gateway that hangs, is not joined by a second.
    let turn = Arc::new(tokio::sync::Mutex::new(()));
    Job::new_repeated_async(SETTLE_EVERY, move |_, _| {
        let (host, turn) = (host.clone(), turn.clone());
        Box::pin(async move {
            let (Some(host), Ok(_turn)) = (host.upgrade(), turn.try_lock()) else { return };
            // Members that branches sent here; there are none but at a headquarters.
            if let Err(error) = find_members(host.services()).await {
                tracing::warn!(%error, "new members cannot be searched for yet");
            }
            // The command line may have joined a headquarters meanwhile.
            if !host.relays()
                && let Err(error) = relay(&host).await
            {
                tracing::warn!(%error, "this branch is not kept in step with its headquarters");
            }
            match payments::settle_all(host.services(), &host.gateways).await {
                Ok(run) if run == payments::Run::default() => {}
                Ok(run) => {
                    tracing::info!(
                        asked = run.asked,
                        confirmed = run.confirmed,
                        failed = run.failed,
                        "payments"
                    );
                }
                Err(error) => tracing::warn!(%error, "open payments could not be looked up"),
            }
        })
    })
}

fn collect(host: Weak<Host>) -> Result<Job, JobSchedulerError> {
    let turn = Arc::new(tokio::sync::Mutex::new(()));
    Job::new_repeated_async(COLLECT_EVERY, move |_, _| {
        let (host, turn) = (host.clone(), turn.clone());
        Box::pin(async move {
            let (Some(host), Ok(_turn)) = (host.upgrade(), turn.try_lock()) else { return };
            match payments::collect_all(host.services(), &host.gateways).await {
                Ok(done) if done == payments::Collected::default() => {}
                Ok(done) => tracing::info!(?done, "collected what is due"),
                Err(error) => tracing::warn!(%error, "what is due was not collected"),
            }
        })
    })
}
