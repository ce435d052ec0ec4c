//! A desk's line to the app: asks until there is an answer, however often the app dies meanwhile.
use crate::soak::log::{Line, Log};
use crate::soak::wire::{Answer, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{sleep, timeout};

/// A desk gives a request up as unanswered after this and asks again.
const PATIENCE: Duration = Duration::from_mins(1);

/// What all desks of a run share.
pub struct Shared {
    pub socket: PathBuf,
    pub log: Log,
    pub running: AtomicBool,
    /// Requests finished.
    pub done: AtomicU64,
    pub app: AtomicI32,
    pub database: AtomicI32,
    /// Kills so far; every sending of a request falls between two of them.
    pub kills: AtomicU64,
    /// Requests on their way, those sent after an even number of kills and those after an odd one.
    pub on_their_way: [AtomicU64; 2],
    /// Requests that the last kill cut off and that have no answer yet.
    pub cut_off: AtomicU64,
    /// Writes that the last kill cut off, answered as done when they were sent again.
    pub cut_off_writes: AtomicU64,
}

impl Shared {
    pub fn new(socket: PathBuf, log: Log) -> Self {
        Self {
            socket,
            log,
            running: AtomicBool::new(true),
            done: AtomicU64::new(0),
            app: AtomicI32::new(0),
            database: AtomicI32::new(0),
            kills: AtomicU64::new(0),
            on_their_way: [AtomicU64::new(0), AtomicU64::new(0)],
            cut_off: AtomicU64::new(0),
            cut_off_writes: AtomicU64::new(0),
        }
    }

    /// Requests on their way that were sent after so many kills.
    pub fn sent_after(&self, kills: u64) -> &AtomicU64 {
        &self.on_their_way[usize::from(kills % 2 == 1)]
    }
}

/// Why a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    First,
    /// On purpose although the same one was sent before: it writes nothing.
    Again,
}

/// One connection; made again when it breaks.
pub struct Desk {
    shared: Arc<Shared>,
    line: Option<(Lines<BufReader<OwnedReadHalf>>, OwnedWriteHalf)>,
}

impl Desk {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, line: None }
    }

    /// Sends until somebody answers, always the same request.
    pub async fn ask<A, D>(&mut self, op: u64, request: &Request<A>, sent: Sent) -> io::Result<Answer<D>>
    where
        A: Serialize + Sync,
        D: Serialize + DeserializeOwned + Sync,
    {
        let shared = self.shared.clone();
        shared.log.line(&Line::Asked { op, request })?;
        let mut was_cut_off = false;
        loop {
            let kills = shared.kills.load(Ordering::SeqCst);
            shared.sent_after(kills).fetch_add(1, Ordering::SeqCst);
            let answer = self.attempt(request).await;
            if answer.is_none() && !was_cut_off && shared.kills.load(Ordering::SeqCst) > kills {
                was_cut_off = true;
                shared.cut_off.fetch_add(1, Ordering::SeqCst);
            }
            shared.sent_after(kills).fetch_sub(1, Ordering::SeqCst);
            let Some(answer) = answer else {
                let line: Line<'_> = Line::Unanswered { op };
                shared.log.line(&line)?;
                continue;
            };
            shared.log.line(&Line::Answered { op, answer: &answer })?;
            if was_cut_off {
                if sent == Sent::First && matches!(answer, Answer::Done(_)) {
                    shared.cut_off_writes.fetch_add(1, Ordering::SeqCst);
                }
                shared.cut_off.fetch_sub(1, Ordering::SeqCst);
            }
            shared.done.fetch_add(1, Ordering::SeqCst);
            return Ok(answer);
        }
    }

    /// Asks for something that changes nothing and counts as no request of the run.
    pub async fn look<A, D>(&mut self, request: &Request<A>) -> Answer<D>
    where
        A: Serialize + Sync,
        D: DeserializeOwned,
    {
        loop {
            if let Some(answer) = self.attempt(request).await {
                return answer;
            }
        }
    }

    /// None when the answer did not come, or was that nobody knows.
    async fn attempt<A, D>(&mut self, request: &Request<A>) -> Option<Answer<D>>
    where
        A: Serialize + Sync,
        D: DeserializeOwned,
    {
        if self.line.is_none() {
            self.connect().await;
        }
        match timeout(PATIENCE, self.exchange(request)).await {
            Ok(Ok(Answer::Unknown)) => None,
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(_)) | Err(_) => {
                self.line = None;
                None
            }
        }
    }

    /// Waits until there is an app to talk to.
    async fn connect(&mut self) {
        loop {
            if let Ok(stream) = UnixStream::connect(&self.shared.socket).await {
                let (from, to) = stream.into_split();
                self.line = Some((BufReader::new(from).lines(), to));
                if let Ok(Answer::Hello { app, database }) = self.read::<serde_json::Value>().await {
                    self.shared.app.store(app, Ordering::SeqCst);
                    self.shared.database.store(database, Ordering::SeqCst);
                    return;
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn exchange<A, D>(&mut self, request: &Request<A>) -> io::Result<Answer<D>>
    where
        A: Serialize + Sync,
        D: DeserializeOwned,
    {
        let (_, to) = self.line.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        to.write_all(&line).await?;
        self.read().await
    }

    async fn read<D: DeserializeOwned>(&mut self) -> io::Result<Answer<D>> {
        let (from, _) = self.line.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let line = from.next_line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(serde_json::from_str(&line)?)
    }
}
