//! Start, run, stop. The window opens at once and shows that the database is being started; nothing blocks it.
use crate::command_line::{self, Asked, CommandLine, USAGE};
use crate::rpc::{Opening, Window};
use crate::{logs, rpc, saving, single};
use gatehouse_net::host::Host;
use gatehouse_net::house::{House, Place};
use gatehouse_net::jobs;
use gatehouse_net::served::{Front, Served};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tauri::{AppHandle, Manager as _, RunEvent, WebviewUrl, WebviewWindowBuilder};
use tokio::sync::watch;

const WINDOW: &str = "desk";

/// The whole program.
pub fn run() -> ExitCode {
    match command_line::parse(std::env::args().skip(1)) {
        Asked::Open(line) => open(line),
        Asked::Help => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Asked::Mistake(mistake) => {
            eprintln!("{mistake}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn open(line: CommandLine) -> ExitCode {
    let place = Place::from_env(line.data_dir.clone(), None);
    if let Err(error) = std::fs::create_dir_all(&place.data_dir) {
        eprintln!("The folder {} cannot be used: {error}", place.data_dir.display());
        return ExitCode::FAILURE;
    }
    let _logs = logs::start(&place.data_dir.join("logs"));
    let first = match single::claim(&place.data_dir) {
        Ok(Some(first)) => first,
        Ok(None) => {
            eprintln!("Gatehouse is running already; its window was brought to the front.");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("The folder {} cannot be used: {error}", place.data_dir.display());
            return ExitCode::FAILURE;
        }
    };
    let (opening, host) = watch::channel(Opening::UnderWay);
    let closing = Arc::new(AtomicBool::new(false));
    let ends = closing.clone();
    let built = tauri::Builder::default()
        .manage(Window { host: host.clone(), token: Mutex::new(None) })
        .invoke_handler(tauri::generate_handler![rpc::rpc])
        .setup(move |app| {
            let handle = app.handle().clone();
            let place = Place { resources: app.path().resource_dir().ok(), ..place };
            std::thread::Builder::new()
                .name("opening".into())
                .spawn(move || tauri::async_runtime::block_on(start(place, line.source, opening)))?;
            WebviewWindowBuilder::new(app, WINDOW, WebviewUrl::App("index.html".into()))
                .title("Gatehouse")
                .inner_size(1280.0, 800.0)
                .min_inner_size(960.0, 600.0)
                .on_download(saving::on_download)
                .build()?;
            first.on_second_start(ends.clone(), move || show(&handle));
            Ok(())
        })
        .build(tauri::generate_context!());
    let app = match built {
        Ok(app) => app,
        Err(error) => {
            eprintln!("The window could not be opened: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = app.run_return(move |_, event| {
        if let RunEvent::Exit = event {
            closing.store(true, Ordering::Relaxed);
            tracing::info!("the window is closed");
        }
    });
    let opened = host.borrow().clone();
    drop(host);
    if let Opening::Open(front) = opened {
        tauri::async_runtime::block_on(front.close());
    }
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn show(app: &AppHandle) {
    let Some(window) = app.get_webview_window(WINDOW) else { return };
    for shown in [window.show(), window.unminimize(), window.set_focus()] {
        if let Err(error) = shown {
            tracing::warn!(%error, "the window did not come to the front");
        }
    }
}

async fn start(place: Place, source: Option<String>, opening: watch::Sender<Opening>) {
    let opened = match open_host(place, source).await {
        Ok(front) => Opening::Open(front),
        Err(why) => {
            tracing::error!(why, "the app could not start");
            Opening::Failed(why)
        }
    };
    // Nobody waits any more when the window was closed meanwhile.
    drop(opening.send(opened));
}

async fn open_host(place: Place, source: Option<String>) -> Result<Arc<Front>, String> {
    const DEVICE: &str = "desk window";
    let paired = Front::paired(&place, DEVICE).await.map_err(|error| error.to_string())?;
    let served = match paired {
        Some(desk) => desk,
        None => Served::Host(open_house(place.clone(), DEVICE).await?),
    };
    let front = Front::new(served, place, DEVICE.to_owned());
    let source = source.or_else(|| front.remembered_source()).unwrap_or_else(|| "camera:0".to_owned());
    match source.parse() {
        Ok(source) => front.scan_remembered(Some(source)),
        Err(error) => tracing::warn!(%error, "nothing is scanned"),
    }
    Ok(front)
}

async fn open_house(place: Place, device: &str) -> Result<Arc<Host>, String> {
    let house = House::open(place).await.map_err(|error| error.to_string())?;
    let host = Host::new(house, device.to_owned(), None).await.map_err(|error| error.to_string())?;
    jobs::start(&host).await;
    Ok(host)
}
