//! The line between a branch and headquarters: a small proxy that is slow, cuts and swallows, as the seed says.
use gatehouse_core::demo::dice::Dice;
use serde::Serialize;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Reads from a client that a login takes, about.
const LOGIN: u64 = 4;

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "end")]
pub enum End {
    /// When its owner hangs up.
    InPeace,
    /// In the middle of what the branch says: headquarters never gets the whole of it.
    Unsaid { at: u64 },
    /// Headquarters has heard, done and committed; its answer is lost.
    Unheard { at: u64 },
    /// From here on nothing comes through in either direction, for a while.
    Swallowed { at: u64, ms: u64 },
}

/// What a line is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Weather {
    #[serde(flatten)]
    pub end: End,
    /// Of every piece on its way.
    pub latency_ms: u64,
}

impl Weather {
    /// Of a branch's line of that number.
    pub fn draw(seed: u64, branch: usize, line: u64) -> Self {
        let branch = u64::try_from(branch).unwrap_or(0);
        let mut dice = Dice::new(seed.wrapping_mul(1_000_003).wrapping_add(branch << 40).wrapping_add(line));
        let at = LOGIN + dice.below(60);
        let end = match dice.below(10) {
            0..=3 => End::Unsaid { at },
            4..=7 => End::Unheard { at },
            8 => End::Swallowed { at, ms: dice.below(400) },
            _ => End::InPeace,
        };
        Self { end, latency_ms: if dice.below(4) == 0 { dice.below(6) } else { 0 } }
    }

    const CALM: Self = Self { end: End::InPeace, latency_ms: 0 };
}

/// What happens to lines that are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sky {
    /// As the seed says.
    Stormy,
    /// They stand until they are hung up.
    Calm,
    /// There is no network.
    Dark,
}

/// A branch's way to headquarters, over TCP on this machine.
pub struct Line {
    pub port: u16,
    sky: Arc<Mutex<Sky>>,
    cuts: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Line {
    /// Leads to the server whose socket that is.
    pub async fn open(to: PathBuf, seed: u64, branch: usize) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (sky, cuts) = (Arc::new(Mutex::new(Sky::Calm)), Arc::new(AtomicU64::new(0)));
        let (above, cut) = (sky.clone(), cuts.clone());
        let accepting = tokio::spawn(async move {
            let mut line = 0;
            while let Ok((client, _)) = listener.accept().await {
                let weather = match *above.lock().unwrap_or_else(PoisonError::into_inner) {
                    Sky::Stormy => {
                        line += 1;
                        Weather::draw(seed, branch, line - 1)
                    }
                    Sky::Calm => Weather::CALM,
                    Sky::Dark => continue,
                };
                let (to, cut) = (to.clone(), cut.clone());
                tokio::spawn(async move {
                    // However it ends, both ends notice.
                    if let Ok(true) = carry(client, to, weather).await {
                        cut.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        Ok(Self { port, sky, cuts, accepting })
    }

    /// Of lines that are opened from now on.
    pub fn under(&self, sky: Sky) {
        *self.sky.lock().unwrap_or_else(PoisonError::into_inner) = sky;
    }

    /// Lines that were cut or swallowed.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Whether it was us who ended it.
async fn carry(mut client: TcpStream, to: PathBuf, weather: Weather) -> io::Result<bool> {
    client.set_nodelay(true)?;
    let mut server = UnixStream::connect(to).await?;
    let (mut up, mut down) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let mut said = 0;
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let length = read?;
                if length == 0 {
                    return Ok(false);
                }
                said += 1;
                sleep(Duration::from_millis(weather.latency_ms)).await;
                match weather.end {
                    End::Unsaid { at } if said == at => {
                        server.write_all(&up[..length / 2]).await?;
                        return Ok(true);
                    }
                    End::Swallowed { at, ms } if said == at => {
                        sleep(Duration::from_millis(ms)).await;
                        return Ok(true);
                    }
                    _ => server.write_all(&up[..length]).await?,
                }
            }
            read = server.read(&mut down) => {
                let length = read?;
                if length == 0 {
                    return Ok(false);
                }
                if matches!(weather.end, End::Unheard { at } if said >= at) {
                    return Ok(true);
                }
                sleep(Duration::from_millis(weather.latency_ms)).await;
                client.write_all(&down[..length]).await?;
            }
        }
    }
}
