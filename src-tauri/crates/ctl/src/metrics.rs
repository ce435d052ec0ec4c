//! `gatehousectl metrics`: the figures of the relay for a monitoring system.
use crate::house::{fail, open};
use crate::hq;
use gatehouse_core::services::Services;
use gatehouse_core::sync::metrics::metrics;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints the text format of Prometheus once, for example into the folder of node_exporter's textfile collector:
  gatehousectl metrics > /var/lib/node_exporter/gatehouse.prom.new && mv /var/lib/node_exporter/gatehouse.prom{.new,}
Nothing in it is about a person.")]
pub struct MetricsArgs {
    /// The headquarters' database as its owner; without it, this installation's own database
    #[arg(long, env = "GATEHOUSE_HQ_OWNER_URL", hide_env_values = true, value_name = "URL")]
    url: Option<String>,
}

pub async fn run(args: MetricsArgs, data_dir: Option<PathBuf>) -> ExitCode {
    let said = match args.url {
        Some(url) => match hq::services(&url).await {
            Ok(services) => told(&services).await,
            Err(text) => Err(text),
        },
        None => match open(data_dir).await {
            Ok(house) => {
                let said = told(&house.services).await;
                house.close().await;
                said
            }
            Err(error) => Err(error.to_string()),
        },
    };
    match said {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(text) => fail(&text),
    }
}

async fn told(services: &Services) -> Result<String, String> {
    metrics(services, &hq::nobody()).await.map_err(|error| error.to_string())
}
