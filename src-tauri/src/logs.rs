//! Log files, one a day, two weeks of them; no personal data goes in.
use std::path::Path;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{Builder, Rotation};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Writes to `folder` and to standard error until the guard is dropped. `GATEHOUSE_LOG` sets the filter.
pub fn start(folder: &Path) -> Option<WorkerGuard> {
    let filter =
        EnvFilter::try_from_env("GATEHOUSE_LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    let file = Builder::new()
        .rotation(Rotation::DAILY)
        .filename_prefix("gatehouse")
        .filename_suffix("log")
        .max_log_files(14)
        .build(folder);
    let (layer, guard) = match file {
        Ok(file) => {
            let (writer, guard) = tracing_appender::non_blocking(file);
            (Some(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer)), Some(guard))
        }
        Err(error) => {
            eprintln!("no log file in {}: {error}", folder.display());
            (None, None)
        }
    };
    let screen = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // A second start in one process keeps the first subscriber.
    drop(tracing_subscriber::registry().with(filter).with(layer).with(screen).try_init());
    guard
}
