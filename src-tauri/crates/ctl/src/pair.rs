//! `gatehousectl pair`: makes this machine a desk of a branch machine.
use crate::house::fail;
use gatehouse_core::sealed::KeyFile;
use gatehouse_net::house::Place;
use gatehouse_net::lan::wire::PairHere;
use gatehouse_net::lan::{Paired, pair};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// Makes this computer a desk of a branch computer, by the one-time code that is shown there.
#[derive(Debug, clap::Args)]
pub struct PairArgs {
    /// Address of the branch computer, as it shows it
    address: String,

    /// The one-time code
    #[arg(long)]
    code: String,

    /// Name of this desk
    #[arg(long)]
    name: String,
}

pub async fn run(args: PairArgs, data_dir: Option<PathBuf>) -> ExitCode {
    let data_dir = Place::from_env(data_dir, None).data_dir;
    let paired_before = match Paired::read(&data_dir) {
        Ok(paired) => paired.is_some(),
        Err(error) => return fail(&error),
    };
    if !paired_before && data_dir.join("postgres").exists() {
        return fail(&"this computer has a database of its own; with no gym in it, pair it in the window");
    }
    if let Err(error) = fs::create_dir_all(&data_dir) {
        return fail(&format!("the folder {} cannot be used: {error}", data_dir.display()));
    }
    let keys = KeyFile::at(data_dir.join("secrets.key"));
    let request = PairHere { address: args.address, code: args.code, name: args.name };
    match pair(&data_dir, &keys, &request).await {
        Ok(paired) => {
            println!("This computer is a desk of the branch computer at {}.", paired.address);
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error.message),
    }
}
