//! What happens by itself, by the clock. A job looks up what there is to do and does it; each run does the same as none
//! if nothing is due, so it does not matter which host runs it, or that two do.
use crate::host::Host;
use crate::payments;
use gatehouse_core::sync::keep::keep_in_step;
use gatehouse_core::sync::relay::find_members;
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
    if let Some(headquarters) = headquarters() {
        let running = tokio::spawn(keep_in_step(host.services().clone(), headquarters));
        host.relays_by(Some(running.abort_handle()));
    }
}

/// The headquarters' database with this branch's own role.
fn headquarters() -> Option<String> {
    std::env::var("GATEHOUSE_HEADQUARTERS_URL").ok().filter(|url| !url.trim().is_empty())
}

/// Ends them; what is under way is not waited for.
pub async fn stop(host: &Host) {
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
