//! `gatehousectl serve`: the staff interface over HTTP.
use crate::house::fail;
use gatehouse_net::host::Host;
use gatehouse_net::house::{House, Place};
use gatehouse_net::served::Front;
use gatehouse_net::{http, jobs};
use rust_embed::RustEmbed;
use std::borrow::Cow;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The built interface. Debug builds read it from disk, release builds carry it.
#[derive(RustEmbed)]
#[folder = "../../../ui/dist"]
struct Interface;

fn asset(path: &str) -> Option<Cow<'static, [u8]>> {
    Interface::get(path).map(|file| file.data)
}

#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Address to listen on; put a TLS proxy in front before you leave loopback
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,

    /// Port to listen on; 0 takes a free one, which is printed
    #[arg(long, default_value_t = 8470)]
    port: u16,

    /// Scan this: a file, a folder, camera:N, http://…, serial:PORT
    #[arg(long)]
    source: Option<String>,

    /// Be the desk of this name; made when it is new
    #[arg(long)]
    desk: Option<String>,
}

pub async fn run(args: ServeArgs, data_dir: Option<PathBuf>) -> ExitCode {
    let source = match args.source.as_deref().map(str::parse).transpose() {
        Ok(source) => source,
        Err(error) => return fail(&error),
    };
    let listener = match TcpListener::bind(SocketAddr::new(args.address, args.port)).await {
        Ok(listener) => listener,
        Err(error) => return fail(&format!("{}:{} cannot be used: {error}", args.address, args.port)),
    };
    let place = Place::from_env(data_dir, None);
    let front = match serving(place, args.desk.as_deref()).await {
        Ok(front) => front,
        Err(error) => return fail(&error),
    };
    front.scan_remembered(source);
    if let Err(error) = announce(&listener) {
        return fail(&error);
    }
    let service = http::router(front.clone(), asset).into_make_service_with_connect_info::<SocketAddr>();
    // Long polls would hold a graceful shutdown for half a minute; a cut one is asked again.
    let served = tokio::select! {
        served = axum::serve(listener, service) => served,
        () = asked_to_stop() => Ok(()),
    };
    front.close().await;
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// A desk of another machine where this one was paired as such, else a host with its own database.
async fn serving(place: Place, desk: Option<&str>) -> Result<Arc<Front>, Box<dyn std::error::Error>> {
    const DEVICE: &str = "browser";
    if let Some(paired) = Front::paired(&place, DEVICE).await? {
        return Ok(Front::new(paired, place, DEVICE.to_owned()));
    }
    let house = House::open(place).await?;
    let host = Host::new(house, DEVICE.to_owned(), desk).await?;
    jobs::start(&host).await;
    Ok(Front::of_host(host))
}

fn announce(listener: &TcpListener) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "Gatehouse is at http://{}/", listener.local_addr()?)?;
    out.flush()
}

/// Ctrl+C, or a polite kill.
async fn asked_to_stop() {
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => terminated.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<Option<()>>();
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}
