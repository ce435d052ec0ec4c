//! The branch machine's door for its other desks: off until somebody opens it.
use super::certificate::Identity;
use super::routes;
use crate::host::Host;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use gatehouse_core::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Where desks ask unless told otherwise.
pub const PORT: u16 = 8471;
/// Who has not shaken hands by then is no desk.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Handshakes under way at a time.
const STRANGERS: usize = 64;

/// Where to listen, if at all: `GATEHOUSE_LAN_LISTEN=address:port`, else what was chosen in Settings.
pub fn wanted(host: &Host) -> Result<Option<SocketAddr>, Error> {
    let text = std::env::var("GATEHOUSE_LAN_LISTEN").ok().filter(|text| !text.trim().is_empty());
    match text {
        Some(text) => text.trim().parse().map(Some).map_err(|_| {
            Error::Internal(format!("GATEHOUSE_LAN_LISTEN is {text}, which is no address:port"))
        }),
        None if host.desk_file().read().lan_on => {
            Ok(Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT)))
        }
        None => Ok(None),
    }
}

/// The open door. Dropping it closes it, to desks that are being answered too.
pub struct Listening {
    pub address: SocketAddr,
    _serving: JoinSet<()>,
    /// Connections outlive the door; what is asked on them afterwards is not answered.
    open: Arc<AtomicBool>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.open.store(false, Ordering::Relaxed);
    }
}

impl Listening {
    /// As a person types it at another desk.
    pub fn addresses(&self) -> Vec<String> {
        let ip = if self.address.ip().is_unspecified() { own_address() } else { Some(self.address.ip()) };
        ip.map(|ip| SocketAddr::new(ip, self.address.port()).to_string()).into_iter().collect()
    }
}

/// The address that this machine would go out from. Nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address for documents, which no network has: only the way there is looked up.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}

/// Opens it.
pub async fn listen(host: &Arc<Host>, address: SocketAddr) -> Result<Listening, Error> {
    let identity = Identity::open(&host.house.place.data_dir)?;
    let trouble = |error: std::io::Error| Error::Internal(format!("{address} cannot be used: {error}"));
    let listener = TcpListener::bind(address).await.map_err(trouble)?;
    let address = listener.local_addr().map_err(trouble)?;
    let (tell, ready) = mpsc::channel(STRANGERS);
    let mut serving = JoinSet::new();
    serving.spawn(shake_hands(listener, TlsAcceptor::from(identity.server()?), tell));
    let desks = Desks { address, ready };
    let open = Arc::new(AtomicBool::new(true));
    let service = routes::router(host, identity.fingerprint(), open.clone())
        .into_make_service_with_connect_info::<Peer>();
    serving.spawn(async move {
        if let Err(error) = axum::serve(desks, service).await {
            tracing::error!(%error, "other desks are not answered any more");
        }
    });
    tracing::info!(%address, "other desks may ask this machine");
    Ok(Listening { address, _serving: serving, open })
}

/// Each handshake by itself, so that one that hangs keeps nobody out.
async fn shake_hands(
    listener: TcpListener,
    tls: TlsAcceptor,
    tell: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let strangers = Arc::new(Semaphore::new(STRANGERS));
    let mut under_way = JoinSet::new();
    loop {
        let Ok(place) = strangers.clone().acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of files, say: the next desk may have better luck.
                tracing::warn!(%error, "a desk was not let in");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        while under_way.try_join_next().is_some() {}
        let (tls, tell) = (tls.clone(), tell.clone());
        under_way.spawn(async move {
            match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                // Nobody takes it any more when the door is being closed.
                Ok(Ok(stream)) => drop(tell.send((stream, peer)).await),
                Ok(Err(error)) => tracing::debug!(%peer, %error, "no handshake"),
                Err(_) => tracing::debug!(%peer, "no handshake in time"),
            }
            drop(place);
        });
    }
}

/// Connections that have shaken hands.
pub struct Desks {
    address: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl axum::serve::Listener for Desks {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(desk) => desk,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

impl Connected<IncomingStream<'_, Desks>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Desks>) -> Self {
        Self(*stream.remote_addr())
    }
}
