use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::binaries::Binaries;
use crate::error::At;
use crate::home::Home;
use crate::secrets::Secrets;
use crate::{ADMIN_ROLE, Error, MAJOR_VERSION};

/// Who may connect: nobody without a password, nobody over a network.
const ACCESS: &str = "# Written at set-up: only over the socket in its own folder, only with a password.\n\
                      local all all scram-sha-256\n";

/// Makes the data folder unless there is a good one. All or nothing: the work is done beside it and renamed
/// into place when it is on the disk.
pub(crate) fn prepare(binaries: &Binaries, home: &Home) -> Result<(), Error> {
    let data = home.data();
    if check(&data)? {
        if Secrets::read(home)?.is_none() {
            tracing::warn!("the database's passwords are gone or damaged; new ones are made");
            let secrets = Secrets::create(home)?;
            set_admin_password(binaries, home, &data, &secrets)?;
        }
        return Ok(());
    }
    let new = home.root().join("data.new");
    if new.exists() {
        fs::remove_dir_all(&new).at("Cannot remove", &new)?;
    }
    home.make_private(&new)?;
    let secrets = match Secrets::read(home)? {
        Some(secrets) => secrets,
        None => Secrets::create(home)?,
    };
    let mut initdb = command(binaries, home, "initdb");
    initdb.arg("-D").arg(&new).args([
        "--no-sync",
        "--no-instructions",
        // No server ever runs with it: the access file below replaces it before the first start.
        "--auth=trust",
        "--encoding=UTF8",
        // With the C of plain bytes, trigrams of an Arabic or Devanagari name are empty and search finds
        // nothing; the provider alone is not enough, pg_trgm asks lc_ctype.
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C.UTF-8",
        "--lc-ctype=C.UTF-8",
        "--username",
        ADMIN_ROLE,
    ]);
    run(initdb, "")?;
    let access = new.join("pg_hba.conf");
    fs::write(&access, ACCESS).at("Cannot write", &access)?;
    set_admin_password(binaries, home, &new, &secrets)?;
    let mut sync = command(binaries, home, "initdb");
    sync.arg("-D").arg(&new).arg("--sync-only");
    run(sync, "")?;
    fs::rename(&new, &data).at("Cannot put in place", &data)?;
    File::open(home.root()).and_then(|folder| folder.sync_all()).at("Cannot sync", home.root())
}

/// Whether a data folder is there and ours to start.
fn check(data: &Path) -> Result<bool, Error> {
    match fs::read_to_string(data.join("PG_VERSION")) {
        Ok(found) if found.trim() == MAJOR_VERSION => Ok(true),
        Ok(found) => Err(Error::WrongVersion { path: data.to_owned(), found: found.trim().to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let empty = fs::read_dir(data).map_or(true, |mut entries| entries.next().is_none());
            if empty { Ok(false) } else { Err(Error::NotADataFolder(data.to_owned())) }
        }
        Err(error) => Err(error).at("Cannot read", data),
    }
}

/// Sets the superuser's password with no server running: Postgres's single-user mode asks for none.
pub(crate) fn set_admin_password(
    binaries: &Binaries,
    home: &Home,
    data: &Path,
    secrets: &Secrets,
) -> Result<(), Error> {
    let mut single = command(binaries, home, "postgres");
    single.arg("--single").arg("-D").arg(data).args(["-c", "exit_on_error=on"]).arg("postgres");
    run(single, &format!("alter role {ADMIN_ROLE} password '{}'\n", secrets.admin))
}

fn command(binaries: &Binaries, home: &Home, program: &str) -> Command {
    let mut command = Command::new(binaries.program(program));
    command.env_clear().env("LC_ALL", "C").current_dir("/");
    home.account.run(&mut command);
    command
}

fn run(mut command: Command, input: &str) -> Result<(), Error> {
    let failed = |error: io::Error| Error::Initdb(error.to_string());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(failed)?;
    }
    let Output { status, stderr, .. } = child.wait_with_output().map_err(failed)?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Initdb(String::from_utf8_lossy(&stderr).trim().replace('\n', " | ")))
    }
}
