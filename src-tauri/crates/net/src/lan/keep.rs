//! What a desk keeps to go on without its branch machine: the snapshot that it judges by, and the scans that the branch machine
//! has yet to be told of. Both lie on the disk encrypted with the key of `secrets.key`, which is for this account only: a
//! copied folder without that file, or a backup of the rest, says nothing. Somebody who has the whole account of the
//! machine has both.
use super::certificate::write_private;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use gatehouse_core::actor::Actor;
use gatehouse_core::checkin::emergency::{Ask, Book, QueuedScan, unjudged};
use gatehouse_core::checkin::snapshot::Snapshot;
use gatehouse_core::checkin::wire::{Reason, Source, Verdict, VerdictMember};
use gatehouse_core::error::Error;
use gatehouse_core::gym::wire::SetupStatus;
use gatehouse_core::ids::ScanId;
use gatehouse_core::sealed::KeyFile;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

const SNAPSHOT: &str = "snapshot.sealed";
const QUEUE: &str = "queue.sealed";
const REFUSED: &str = "queue-refused.sealed";
const ABOUT_SNAPSHOT: &str = "snapshot of a desk";
const ABOUT_SCAN: &str = "queued scan of a desk";

/// Both.
pub struct Keep {
    folder: PathBuf,
    keys: KeyFile,
    book: Option<Book>,
    /// In the order in which they were made. The first `told` are with the branch machine already, but not in the snapshot.
    queue: Vec<QueuedScan>,
    told: usize,
}

impl Keep {
    /// Opens what was kept. A snapshot that cannot be read counts as none; scans are never thrown away.
    pub fn open(folder: &Path, keys: KeyFile) -> Result<Self, Error> {
        let mut keep = Self { folder: folder.to_owned(), keys, book: None, queue: Vec::new(), told: 0 };
        keep.book = keep.read_snapshot();
        keep.read_queue().map_err(|error| trouble(&keep.folder.join(QUEUE), &error))?;
        Ok(keep)
    }

    fn read_snapshot(&self) -> Option<Book> {
        let sealed = fs::read(self.folder.join(SNAPSHOT)).ok()?;
        let read = self.keys.open(ABOUT_SNAPSHOT, &sealed).and_then(|text| {
            serde_json::from_str(text.expose()).map_err(|error| Error::Internal(error.to_string()))
        });
        match read {
            Ok(snapshot) => Some(Book::new(snapshot)),
            Err(error) => {
                tracing::error!(%error, "the snapshot cannot be read; nothing is judged by it");
                None
            }
        }
    }

    fn read_queue(&mut self) -> io::Result<()> {
        let path = self.folder.join(QUEUE);
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let lines: Vec<&str> = text.lines().collect();
        let scans: Vec<Option<QueuedScan>> = lines.iter().map(|line| self.unsealed(line)).collect();
        let damaged = scans.iter().filter(|scan| scan.is_none()).count();
        if damaged > 0 {
            // A line that was being written when the power went was never answered. Any other is kept for somebody to look at.
            tracing::error!(damaged, "lines of the queue cannot be read; the file is kept aside");
            fs::copy(&path, self.folder.join("queue-damaged.sealed"))?;
        }
        self.queue = scans.into_iter().flatten().collect();
        if damaged > 0 || !text.ends_with('\n') {
            self.write_queue()?;
        }
        Ok(())
    }

    fn unsealed(&self, line: &str) -> Option<QueuedScan> {
        let sealed = STANDARD.decode(line).ok()?;
        serde_json::from_str(self.keys.open(ABOUT_SCAN, &sealed).ok()?.expose()).ok()
    }

    fn sealed(&self, scan: &QueuedScan) -> io::Result<String> {
        let text = serde_json::to_string(scan)?;
        let sealed =
            self.keys.seal(ABOUT_SCAN, &text).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(STANDARD.encode(sealed) + "\n")
    }

    fn write_queue(&self) -> io::Result<()> {
        let path = self.folder.join(QUEUE);
        if self.queue.is_empty() {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let lines = self.queue.iter().map(|scan| self.sealed(scan)).collect::<io::Result<String>>()?;
        write_private(&path, lines.as_bytes())
    }

    /// Judges by the snapshot. The answer is given only when it is on the disk.
    pub fn judge(&mut self, actor: &Actor, ask: &Ask<'_>, now: DateTime<Utc>) -> Result<Verdict, Error> {
        let (verdict, queued) = match (&self.book, ask) {
            (Some(book), _) => book.judge(&self.queue, actor, ask, now)?,
            (None, Ask::CheckIn(request)) => {
                unjudged(actor, request.scan_id, request.source, now, Reason::NoSnapshot)
            }
            (None, Ask::LetIn(request)) => {
                unjudged(actor, request.scan_id, Source::Search, now, Reason::NoSnapshot)
            }
            (None, Ask::CheckOut(_)) => {
                unjudged(actor, ScanId::new(now), Source::Search, now, Reason::NoSnapshot)
            }
        };
        if let Some(scan) = queued {
            self.add(scan)?;
        }
        Ok(verdict)
    }

    fn add(&mut self, scan: QueuedScan) -> Result<(), Error> {
        let path = self.folder.join(QUEUE);
        let is_new = self.queue.is_empty();
        let line = self.sealed(&scan).map_err(|error| trouble(&path, &error))?;
        let append = || -> io::Result<()> {
            let mut options = File::options();
            options.create(true).append(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&path)?;
            let before = file.metadata()?.len();
            if let Err(error) = file.write_all(line.as_bytes()).and_then(|()| file.sync_all()) {
                // Half a line would spoil the next one.
                file.set_len(before)?;
                return Err(error);
            }
            #[cfg(unix)]
            if is_new {
                File::open(&self.folder)?.sync_all()?;
            }
            Ok(())
        };
        append().map_err(|error| trouble(&path, &error))?;
        self.queue.push(scan);
        Ok(())
    }

    /// What the branch machine has not been told of, oldest first.
    pub fn untold(&self) -> &[QueuedScan] {
        &self.queue[self.told..]
    }

    /// The branch machine has them; `refused` are those it does not take. They stay until a snapshot has them too.
    pub fn was_told(&mut self, count: usize, refused: &[ScanId]) -> Result<(), Error> {
        let refused: HashSet<ScanId> = refused.iter().copied().collect();
        let batch = &self.queue[self.told..self.told + count];
        let aside = batch.iter().filter(|scan| refused.contains(&scan.scan));
        let lines = aside.map(|scan| self.sealed(scan)).collect::<io::Result<String>>();
        let path = self.folder.join(REFUSED);
        let kept = lines.and_then(|lines| {
            if lines.is_empty() {
                return Ok(());
            }
            let mut file = File::options().create(true).append(true).open(&path)?;
            file.write_all(lines.as_bytes())?;
            file.sync_all()
        });
        kept.map_err(|error| trouble(&path, &error))?;
        self.told += count;
        Ok(())
    }

    /// How many the branch machine has.
    pub fn told(&self) -> usize {
        self.told
    }

    /// A new snapshot that is on the disk, asked for when `told` scans were with the branch machine: it has them.
    pub fn renew(&mut self, book: Book, told: usize) -> Result<(), Error> {
        self.book = Some(book);
        if told > 0 {
            self.queue.drain(..told);
            self.told -= told;
            self.write_queue().map_err(|error| trouble(&self.folder.join(QUEUE), &error))?;
        }
        Ok(())
    }

    /// The branch machine has taken the desk away: it knows nothing of the gym any more. What it did is kept, in case it is
    /// paired again.
    pub fn forget_the_gym(&mut self) {
        self.book = None;
        if let Err(error) = fs::remove_file(self.folder.join(SNAPSHOT))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::error!(%error, "the snapshot of a revoked desk stays on the disk");
        }
    }

    pub fn taken_at(&self) -> Option<DateTime<Utc>> {
        self.book.as_ref().map(|book| book.snapshot().taken_at)
    }

    /// Gym, branch and desk as they were.
    pub fn status(&self) -> Option<SetupStatus> {
        self.book.as_ref().map(|book| book.snapshot().status.clone())
    }

    /// The desk without a person; none before the first snapshot.
    pub fn desk(&self) -> Option<Actor> {
        self.book.as_ref().map(|book| Actor::Desk(book.desk()))
    }

    /// The member of a scan, as this actor may see them.
    pub fn shown(&self, told: &QueuedScan, actor: &Actor) -> Option<VerdictMember> {
        self.book.as_ref()?.shown(told.member?, actor)
    }

    /// How many are inside, by the snapshot and what was done since, and how many may be.
    pub fn inside(&self) -> (i64, Option<i32>) {
        self.book.as_ref().map_or((0, None), |book| (book.inside(&self.queue), book.capacity()))
    }

    /// What this desk did since the snapshot, newest first.
    pub fn done(&self) -> impl Iterator<Item = &QueuedScan> {
        self.queue.iter().rev()
    }
}

/// Stores a snapshot and makes it ready. Takes its time with a large gym, and needs no lock.
pub fn store_snapshot(folder: &Path, keys: &KeyFile, snapshot: Snapshot) -> Result<Book, Error> {
    let path = folder.join(SNAPSHOT);
    let text = serde_json::to_string(&snapshot).map_err(|error| Error::Internal(error.to_string()))?;
    let sealed = keys.seal(ABOUT_SNAPSHOT, &text)?;
    write_private(&path, &sealed).map_err(|error| trouble(&path, &error))?;
    Ok(Book::new(snapshot))
}

fn trouble(path: &Path, error: &io::Error) -> Error {
    Error::Internal(format!("{} cannot be used: {error}", path.display()))
}
