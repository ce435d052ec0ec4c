//! A desk's receipt printer: bytes go out over the network, through a USB cable or into a file.
use gatehouse_core::receipts::Roll;
use gatehouse_core::receipts::document::Language;
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::fs;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::unix::pipe;
use tokio::sync::Mutex;
use tokio::time::timeout;
use ts_rs::TS;

/// Where network printers listen for raw bytes.
const PORT: u16 = 9100;
/// Characters of an address.
const ADDRESS_LENGTH: usize = 255;

/// The printer of a desk, as its `desk.json` keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PrinterSettings {
    pub kind: PrinterKind,
    /// `network`: a host or an address, with `:port` where it is not 9100. `usb`: `/dev/usb/lp0`. `file`: a name in
    /// the folder `printed`.
    pub address: String,
    pub roll: Roll,
    /// The language of receipts on this printer; none for each receipt's own.
    pub language: Option<Language>,
    /// Opens the cash drawer that hangs on the printer when cash is taken or given.
    pub kick_drawer: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PrinterKind {
    Network,
    /// A device file of Linux's printer class driver.
    Usb,
    /// Appends: for a spooler of the gym's own, and to see what a printer would get.
    File,
}

/// Why nothing, or not everything, was printed.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    #[error("{0:?} is no address of such a printer")]
    Address(String),
    /// Nobody there, switched off, or the cable is out.
    #[error("the printer {address} cannot be reached: {why}")]
    Unreachable { address: String, why: io::Error },
    /// There, but this account may not use it.
    #[error("{address} is out of reach: {why}")]
    OutOfReach { address: String, why: io::Error },
    /// It takes nothing more: out of paper, its cover open.
    #[error("the printer {0} does not take the receipt")]
    TimedOut(String),
    #[error("the printer {address} broke off: {why}")]
    BrokeOff { address: String, why: io::Error },
}

impl PrintError {
    /// True when the printer had nothing of the receipt.
    pub fn left_no_trace(&self) -> bool {
        matches!(self, Self::Address(_) | Self::Unreachable { .. } | Self::OutOfReach { .. })
    }
}

/// How long a printer is waited for.
#[derive(Clone, Copy, Debug)]
struct Patience {
    connect: Duration,
    /// Without taking a byte. Printing a long picture takes longer than this, but never stands still.
    stall: Duration,
    /// For word that it broke off with a part of the receipt unread.
    farewell: Duration,
}

const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(3),
    stall: Duration::from_secs(10),
    farewell: Duration::from_secs(1),
};

/// The way to printers; one for each host.
pub struct Printers {
    /// Of files that are printed to.
    folder: PathBuf,
    patience: Patience,
    /// One receipt at a time: two in one printer would be printed into each other.
    turn: Mutex<()>,
}

impl Printers {
    /// Files are kept in `printed` in the folder of the installation.
    pub fn new(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("printed"), patience: PATIENCE, turn: Mutex::new(()) }
    }

    /// Hands bytes to the printer. What it printed before it failed stays on its paper.
    pub async fn send(&self, settings: &PrinterSettings, bytes: &[u8]) -> Result<(), PrintError> {
        let target = settings.target()?;
        let _turn = self.turn.lock().await;
        match target {
            Target::Network(address) => network(&address, bytes, self.patience).await,
            Target::Device(path) => device(path, bytes, self.patience).await,
            Target::File(name) => file(&self.folder, name, bytes).await,
        }
    }
}

/// An address that was understood.
#[derive(Debug, PartialEq, Eq)]
enum Target<'a> {
    Network(String),
    Device(&'a str),
    File(&'a str),
}

impl PrinterSettings {
    /// Refuses an address that can be none of its kind.
    pub fn check(&self) -> Result<(), PrintError> {
        self.target().map(|_| ())
    }

    fn target(&self) -> Result<Target<'_>, PrintError> {
        let address = self.address.as_str();
        let usual = !address.is_empty()
            && address.len() <= ADDRESS_LENGTH
            && !address.contains(|c: char| c.is_control() || c.is_whitespace());
        let target = match self.kind {
            PrinterKind::Network => network_address(address).map(Target::Network),
            PrinterKind::Usb => address
                .strip_prefix("/dev/usb/lp")
                .filter(|number| {
                    (1..=2).contains(&number.len()) && number.bytes().all(|c| c.is_ascii_digit())
                })
                .map(|_| Target::Device(address)),
            // A name and no path: whoever stands at the desk may not write anywhere with the rights of this program.
            PrinterKind::File => address
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
                .then_some(address)
                .filter(|name| !name.starts_with('.'))
                .map(Target::File),
        };
        target.filter(|_| usual).ok_or_else(|| PrintError::Address(address.to_owned()))
    }
}

/// `host:port` of what a person types: `10.0.0.7`, `printer.local:9101`, `[fe80::1]:9100`, `fe80::1`.
fn network_address(typed: &str) -> Option<String> {
    if let Ok(v6) = typed.parse::<std::net::Ipv6Addr>() {
        return Some(format!("[{v6}]:{PORT}"));
    }
    let (host, port) = match typed.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (typed, PORT),
    };
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let known = match bracketed {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.')),
    };
    (known && port != 0).then(|| format!("{host}:{port}"))
}

async fn network(address: &str, bytes: &[u8], patience: Patience) -> Result<(), PrintError> {
    let timed_out = || PrintError::TimedOut(address.to_owned());
    let unreachable = |why| PrintError::Unreachable { address: address.to_owned(), why };
    let connecting = timeout(patience.connect, TcpStream::connect(address)).await;
    let silence = || unreachable(io::Error::from(ErrorKind::TimedOut));
    let mut stream = connecting.map_err(|_| silence())?.map_err(unreachable)?;
    let broke_off = |why| PrintError::BrokeOff { address: address.to_owned(), why };
    write(&mut stream, bytes, patience.stall).await.map_err(timed_out, broke_off)?;
    stream.shutdown().await.map_err(broke_off)?;
    // The last bytes are still under way. A printer that hangs up without reading them resets the connection; one that
    // read them closes it, or keeps it open for a while.
    let mut said = [0; 64];
    let farewell = async {
        while stream.read(&mut said).await? > 0 {}
        Ok(())
    };
    timeout(patience.farewell, farewell).await.unwrap_or(Ok(())).map_err(broke_off)
}

/// Opened without waiting, so that a printer without paper cannot hold a thread for ever.
#[cfg(unix)]
async fn device(path: &str, bytes: &[u8], patience: Patience) -> Result<(), PrintError> {
    let address = || path.to_owned();
    let mut device =
        pipe::OpenOptions::new().unchecked(true).open_sender(path).map_err(|why| match why.kind() {
            ErrorKind::PermissionDenied => PrintError::OutOfReach { address: address(), why },
            _ => PrintError::Unreachable { address: address(), why },
        })?;
    write(&mut device, bytes, patience.stall)
        .await
        .map_err(|| PrintError::TimedOut(address()), |why| PrintError::BrokeOff { address: address(), why })
}

#[cfg(not(unix))]
async fn device(path: &str, _bytes: &[u8], _patience: Patience) -> Result<(), PrintError> {
    Err(PrintError::OutOfReach { address: path.to_owned(), why: ErrorKind::Unsupported.into() })
}

async fn file(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), PrintError> {
    let write = async {
        fs::create_dir_all(folder).await?;
        let mut file = fs::OpenOptions::new().append(true).create(true).open(folder.join(name)).await?;
        file.write_all(bytes).await?;
        file.sync_all().await
    };
    write.await.map_err(|why| PrintError::OutOfReach { address: name.to_owned(), why })
}

/// How writing ended.
enum Written {
    All,
    Stalled,
    Failed(io::Error),
}

impl Written {
    fn map_err(
        self,
        stalled: impl FnOnce() -> PrintError,
        failed: impl FnOnce(io::Error) -> PrintError,
    ) -> Result<(), PrintError> {
        match self {
            Self::All => Ok(()),
            Self::Stalled => Err(stalled()),
            Self::Failed(why) => Err(failed(why)),
        }
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8], stall: Duration) -> Written {
    let mut rest = bytes;
    while !rest.is_empty() {
        match timeout(stall, to.write(rest)).await {
            Err(_) => return Written::Stalled,
            Ok(Ok(0)) => return Written::Failed(ErrorKind::WriteZero.into()),
            Ok(Ok(taken)) => rest = &rest[taken..],
            Ok(Err(why)) => return Written::Failed(why),
        }
    }
    Written::All
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// More than any buffer between a program and its printer holds.
    const LONG: usize = 32 << 20;

    fn settings(kind: PrinterKind, address: impl Into<String>) -> PrinterSettings {
        PrinterSettings { kind, address: address.into(), roll: Roll::Mm80, language: None, kick_drawer: true }
    }

    fn printers(folder: &Path) -> Printers {
        let short = Duration::from_millis(300);
        let patience = Patience { connect: short, stall: short, farewell: short };
        Printers { patience, ..Printers::new(folder) }
    }

    async fn listener() -> (TcpListener, PrinterSettings) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (listener, settings(PrinterKind::Network, address))
    }

    #[tokio::test]
    async fn a_network_printer_gets_every_byte_in_order() {
        let (listener, settings) = listener().await;
        let printer = tokio::spawn(async move {
            let mut got = Vec::new();
            listener.accept().await.unwrap().0.read_to_end(&mut got).await.unwrap();
            got
        });
        let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        printers(Path::new("/nowhere")).send(&settings, &bytes).await.unwrap();
        assert!(printer.await.unwrap() == bytes);
    }

    #[tokio::test]
    async fn a_printer_that_keeps_the_line_open_has_printed_all_the_same() {
        let (listener, settings) = listener().await;
        let (done, over) = tokio::sync::oneshot::channel::<()>();
        let printer = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            // Automatic status, as many printers send it unasked.
            stream.write_all(&[0x14, 0, 0, 0x0f]).await.unwrap();
            let mut got = vec![0; 5];
            stream.read_exact(&mut got).await.unwrap();
            over.await.unwrap();
            got
        });
        printers(Path::new("/nowhere")).send(&settings, b"hello").await.unwrap();
        done.send(()).unwrap();
        assert_eq!(printer.await.unwrap(), b"hello");
    }

    #[tokio::test]
    async fn a_printer_that_is_off_is_unreachable() {
        let (listener, settings) = listener().await;
        drop(listener);
        let error = printers(Path::new("/nowhere")).send(&settings, b"hello").await.unwrap_err();
        assert!(matches!(error, PrintError::Unreachable { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_printer_that_takes_nothing_more_is_given_up() {
        let (listener, settings) = listener().await;
        let (done, over) = tokio::sync::oneshot::channel::<()>();
        let printer = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut got = vec![0; 1000];
            stream.read_exact(&mut got).await.unwrap();
            over.await.unwrap();
        });
        let error = printers(Path::new("/nowhere")).send(&settings, &vec![0; LONG]).await.unwrap_err();
        assert!(matches!(error, PrintError::TimedOut(_)), "{error}");
        done.send(()).unwrap();
        printer.await.unwrap();
    }

    #[tokio::test]
    async fn a_printer_that_hangs_up_half_way_broke_off() {
        // Of a long receipt the writing fails; a short one is in the buffers by then, and only the farewell tells.
        for length in [LONG, 5_000] {
            let (listener, settings) = listener().await;
            let printer = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut got = vec![0; 1000];
                stream.read_exact(&mut got).await.unwrap();
            });
            let error = printers(Path::new("/nowhere")).send(&settings, &vec![0; length]).await.unwrap_err();
            assert!(matches!(error, PrintError::BrokeOff { .. }), "{length}: {error}");
            printer.await.unwrap();
        }
    }

    #[tokio::test]
    async fn two_receipts_are_printed_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let printers = printers(folder.path());
        let file = settings(PrinterKind::File, "spool.bin");
        let (first, second) = (vec![b'a'; 100_000], vec![b'b'; 100_000]);
        let (one, two) = tokio::join!(printers.send(&file, &first), printers.send(&file, &second));
        one.unwrap();
        two.unwrap();
        let printed = std::fs::read(folder.path().join("printed/spool.bin")).unwrap();
        assert_eq!((printed.len(), printed.chunk_by(|a, b| a == b).count()), (200_000, 2));
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_is_out_of_reach() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("printed/taken")).unwrap();
        let error =
            printers(folder.path()).send(&settings(PrinterKind::File, "taken"), b"hello").await.unwrap_err();
        assert!(matches!(error, PrintError::OutOfReach { .. }), "{error}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_device_is_written_to_missed_and_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lp0");
        let name = path.to_str().unwrap();
        let patience = printers(folder.path()).patience;
        let error = device(name, b"hello", patience).await.unwrap_err();
        assert!(matches!(error, PrintError::Unreachable { .. }), "{error}");
        // A pipe takes bytes without waiting and runs full, as the printer's device file does.
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let mut reader = pipe::OpenOptions::new().open_receiver(&path).unwrap();
        device(name, b"hello", patience).await.unwrap();
        let mut got = [0; 5];
        reader.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"hello");
        let error = device(name, &vec![0; LONG], patience).await.unwrap_err();
        assert!(matches!(error, PrintError::TimedOut(_)), "{error}");
    }

    #[test]
    fn an_address_belongs_to_its_kind() {
        use PrinterKind::{File, Network, Usb};
        for (kind, address, target) in [
            (Network, "10.0.0.7", Some(Target::Network("10.0.0.7:9100".into()))),
            (Network, "printer.local:9101", Some(Target::Network("printer.local:9101".into()))),
            (Network, "fe80::1", Some(Target::Network("[fe80::1]:9100".into()))),
            (Network, "[fe80::1]:9101", Some(Target::Network("[fe80::1]:9101".into()))),
            (Network, "", None),
            (Network, "printer:", None),
            (Network, "printer:0", None),
            (Network, "printer:65536", None),
            (Network, "http://printer", None),
            (Network, "front desk", None),
            (Usb, "/dev/usb/lp0", Some(Target::Device("/dev/usb/lp0"))),
            (Usb, "/dev/usb/lp", None),
            (Usb, "/dev/usb/lp0/../../sda", None),
            (Usb, "/dev/sda", None),
            (File, "receipts.bin", Some(Target::File("receipts.bin"))),
            (File, "../desk.json", None),
            (File, "/etc/passwd", None),
            (File, "..", None),
            (File, "", None),
        ] {
            assert_eq!(settings(kind, address).target().ok(), target, "{kind:?} {address:?}");
        }
        assert!(settings(Network, "a".repeat(300)).check().is_err());
    }
}
