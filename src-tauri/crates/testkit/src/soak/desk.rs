//! A desk's line to the app: asks until there is an answer, however often the app dies meanwhile.
use crate::soak::log::{Line, Log};
use crate::soak::wire::{Answer, Request};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
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
    /// Requests that are on their way right now.
    pub in_flight: AtomicU64,
    /// Requests that lost their answer, ever.
    pub unanswered: AtomicU64,
    /// Requests finished.
    pub done: AtomicU64,
    pub app: AtomicI32,
    pub database: AtomicI32,
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
    pub async fn ask(&mut self, op: u64, request: &Request) -> io::Result<Answer> {
        self.shared.log.line(&Line::Asked { op, request })?;
        loop {
            if self.line.is_none() {
                self.connect().await;
            }
            self.shared.in_flight.fetch_add(1, Ordering::SeqCst);
            let answer = timeout(PATIENCE, self.exchange(request)).await;
            self.shared.in_flight.fetch_sub(1, Ordering::SeqCst);
            match answer {
                Ok(Ok(Answer::Unknown)) => self.give_up(op, false)?,
                Ok(Ok(answer)) => {
                    self.shared.log.line(&Line::Answered { op, answer: &answer })?;
                    self.shared.done.fetch_add(1, Ordering::SeqCst);
                    return Ok(answer);
                }
                Ok(Err(_)) | Err(_) => self.give_up(op, true)?,
            }
        }
    }

    fn give_up(&mut self, op: u64, hang_up: bool) -> io::Result<()> {
        self.shared.unanswered.fetch_add(1, Ordering::SeqCst);
        if hang_up {
            self.line = None;
        }
        self.shared.log.line(&Line::Unanswered { op })
    }

    /// Waits until there is an app to talk to.
    async fn connect(&mut self) {
        loop {
            if let Ok(stream) = UnixStream::connect(&self.shared.socket).await {
                let (from, to) = stream.into_split();
                self.line = Some((BufReader::new(from).lines(), to));
                if let Ok(Answer::Hello { app, database }) = self.read().await {
                    self.shared.app.store(app, Ordering::SeqCst);
                    self.shared.database.store(database, Ordering::SeqCst);
                    return;
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn exchange(&mut self, request: &Request) -> io::Result<Answer> {
        let (_, to) = self.line.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        to.write_all(&line).await?;
        self.read().await
    }

    async fn read(&mut self) -> io::Result<Answer> {
        let (from, _) = self.line.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let line = from.next_line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(serde_json::from_str(&line)?)
    }
}
