//! `gatehousectl verify`: computes receipts and ledger anew and names the first row that is not as it was written.
use crate::house::{fail, open};
use gatehouse_core::verify::{Broken, Verified, verify};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes:\n  0  the books are as they were written\n  1  they are not, or could not be read"
)]
pub struct VerifyArgs {
    /// One JSON object instead of a line
    #[arg(long)]
    json: bool,
}

pub async fn run(args: VerifyArgs, data_dir: Option<PathBuf>) -> ExitCode {
    let house = match open(data_dir).await {
        Ok(house) => house,
        Err(error) => return fail(&error),
    };
    let verified = verify(&house.services.db).await;
    house.close().await;
    match verified {
        Ok(verified) => tell(&verified, args.json),
        Err(error) => fail(&error),
    }
}

fn tell(verified: &Verified, json: bool) -> ExitCode {
    let Verified { transactions, entries, receipts, tills, broken } = verified;
    if json {
        match serde_json::to_string(verified) {
            Ok(line) => println!("{line}"),
            Err(error) => return fail(&error),
        }
    } else if let Some(Broken { table, id, number, what }) = broken {
        let number = number.map(|number| format!(", number {number}")).unwrap_or_default();
        println!("BROKEN   {table} {id}{number}: {what}");
    } else {
        println!(
            "ok       {transactions} transactions of {entries} entries, {receipts} receipts of {tills} tills"
        );
    }
    if broken.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
