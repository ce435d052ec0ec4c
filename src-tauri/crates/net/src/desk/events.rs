//! Live events of a desk: a short memory that clients read from where they left off.
use super::wire::{DeskEvent, DeskNews};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Events kept; a client that was away longer reloads its feed.
const KEPT: usize = 64;
/// How long [`Events::wait`] waits for news. Below the idle time-out of common proxies.
pub const PATIENCE: Duration = Duration::from_secs(25);

/// The events of one host.
pub struct Events {
    recent: Mutex<VecDeque<(u64, DeskEvent)>>,
    newest: watch::Sender<u64>,
}

impl Default for Events {
    fn default() -> Self {
        Self { recent: Mutex::default(), newest: watch::Sender::new(0) }
    }
}

impl Events {
    /// Tells every client.
    pub fn push(&self, event: DeskEvent) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = *self.newest.borrow() + 1;
        recent.push_back((seq, event));
        if recent.len() > KEPT {
            recent.pop_front();
        }
        self.newest.send_replace(seq);
    }

    /// Number of the newest event.
    pub fn newest(&self) -> u64 {
        *self.newest.borrow()
    }

    /// Events after `after`, as soon as there is one; none of them after [`PATIENCE`]. Without `after`, or with one
    /// from before a restart, answers at once with the newest number and no events.
    pub async fn wait(&self, after: Option<u64>) -> DeskNews {
        let mut newest = self.newest.subscribe();
        let seq = *newest.borrow_and_update();
        let Some(after) = after.filter(|after| *after <= seq) else {
            return DeskNews { seq, events: Vec::new(), missed: true };
        };
        if after == seq {
            let changed = tokio::time::timeout(PATIENCE, newest.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                return DeskNews { seq, events: Vec::new(), missed: false };
            }
        }
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = recent.front().is_some_and(|(first, _)| *first > after + 1);
        let events: Vec<_> = recent.iter().filter(|(seq, _)| *seq > after).cloned().collect();
        DeskNews {
            seq: events.last().map_or(after, |(seq, _)| *seq),
            events: events.into_iter().map(|(_, event)| event).collect(),
            missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_gets_each_event_once_and_is_told_when_it_missed_some() {
        let events = Events::default();
        let first = events.wait(None).await;
        assert!(first.events.is_empty() && first.missed);
        events.push(DeskEvent::FeedChanged);
        let news = events.wait(Some(first.seq)).await;
        assert_eq!((news.events.len(), news.missed), (1, false));
        for _ in 0..=KEPT {
            events.push(DeskEvent::FeedChanged);
        }
        let late = events.wait(Some(news.seq)).await;
        assert_eq!((late.events.len(), late.missed), (KEPT, true));
        assert!(events.wait(Some(late.seq + 1000)).await.missed, "a number from before a restart");
    }

    #[tokio::test]
    async fn a_waiting_client_is_woken_by_the_next_event() {
        let events = std::sync::Arc::new(Events::default());
        let waiting = tokio::spawn({
            let events = events.clone();
            async move { events.wait(Some(0)).await }
        });
        tokio::task::yield_now().await;
        events.push(DeskEvent::FeedChanged);
        assert_eq!(waiting.await.unwrap().events.len(), 1);
    }
}
