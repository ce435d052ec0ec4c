use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rand::TryRng;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::At;
use crate::home::Home;

/// The passwords of the three roles, made once per home.
#[derive(Serialize, Deserialize)]
pub(crate) struct Secrets {
    pub admin: String,
    pub owner: String,
    pub app: String,
}

impl Secrets {
    /// Reads the passwords; `None` when there are none yet or the file is damaged.
    pub fn read(home: &Home) -> Result<Option<Self>, Error> {
        let path = home.secrets();
        match fs::read(&path) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).at("Cannot read", &path),
        }
    }

    /// Makes new passwords and stores them, readable by this account only.
    pub fn create(home: &Home) -> Result<Self, Error> {
        let secrets = Self { admin: password()?, owner: password()?, app: password()? };
        let path = home.secrets();
        let new = path.with_extension("new");
        write_private(&new, &serde_json::to_vec(&secrets).map_err(io::Error::from).at("Cannot write", &new)?)
            .and_then(|()| fs::rename(&new, &path))
            .and_then(|()| File::open(home.root())?.sync_all())
            .at("Cannot write", &path)?;
        Ok(secrets)
    }
}

fn write_private(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = File::options().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// 192 bits from the system, in digits that need no quoting in SQL or a URL.
fn password() -> Result<String, Error> {
    let word =
        || SysRng.try_next_u64().map_err(io::Error::other).at("Cannot read", Path::new("/dev/urandom"));
    Ok(format!("{:016x}{:016x}{:016x}", word()?, word()?, word()?))
}
