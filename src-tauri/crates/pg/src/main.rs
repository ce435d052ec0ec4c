//! `gatehouse-pg`: a database for scripts.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gatehouse_pg::{Config, Durability, Server, default_binaries_dir};
use sqlx::migrate::Migrator;
use tokio::process::Command;
use tokio::task::spawn_blocking;

const USAGE: &str = "\
gatehouse-pg hold HOME                         start the server in HOME, stop it when stdin ends
gatehouse-pg run HOME MIGRATIONS -- COMMAND…   run COMMAND with DATABASE_URL of a migrated throw-away database
gatehouse-pg where                             print where set-up puts the server's programs";

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["hold", home] => hold(Path::new(home)).await,
        ["run", home, migrations, "--", command, args @ ..] => {
            run(Path::new(home), PathBuf::from(migrations), command, args).await
        }
        ["where"] => {
            println!("{}", default_binaries_dir().display());
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

async fn hold(home: &Path) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let server = Server::start(&Config::new(home)).await?;
    println!("{:?} {}", server.role(), server.pid().await);
    spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    server.stop().await?;
    Ok(ExitCode::SUCCESS)
}

async fn run(
    home: &Path,
    migrations: PathBuf,
    command: &str,
    args: &[&str],
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let config = Config { durability: Durability::OffForTests, ..Config::new(home) };
    let server = Server::start(&config).await?;
    let owner = server.owner_url().expose();
    let pool = sqlx::PgPool::connect(&owner).await?;
    Migrator::new(migrations).await?.run(&pool).await?;
    pool.close().await;
    let status = Command::new(command).args(args).env("DATABASE_URL", owner).status().await?;
    server.stop().await?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
