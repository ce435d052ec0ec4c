//! How a machine becomes a desk, and what it remembers of that: `paired.json`, its token encrypted.
use super::certificate::write_private;
use super::link::{Link, Trouble};
use super::listen::PORT;
use super::wire::PairHere;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_core::desks::proof::{self, Fingerprint};
use gatehouse_core::desks::wire::{AskPairing, Pairing};
use gatehouse_core::error::{Error, WireError};
use gatehouse_core::ids::DeskId;
use gatehouse_core::random;
use gatehouse_core::sealed::{KeyFile, hex, unhex};
use gatehouse_core::secret::Secret;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

const FILE: &str = "paired.json";
/// What the token is sealed for.
const TOKEN: &str = "token of a desk";
/// For somebody who waits in front of it.
const PATIENCE: Duration = Duration::from_secs(8);

/// This machine is a desk of a branch machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Paired {
    pub address: String,
    /// Hex.
    fingerprint: String,
    pub desk_id: DeskId,
    /// Sealed, base64.
    token: String,
}

impl Paired {
    /// None for a machine that is no such desk.
    ///
    /// # Errors
    /// For a damaged file: with it ignored, the machine would set up a gym of its own.
    pub fn read(data_dir: &Path) -> Result<Option<Self>, Error> {
        let path = data_dir.join(FILE);
        let trouble = |error: &dyn std::fmt::Display| {
            Error::Internal(format!("{} cannot be used: {error}", path.display()))
        };
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| trouble(&error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(trouble(&error)),
        }
    }

    /// The way to the branch machine.
    pub(super) fn link(&self, keys: &KeyFile) -> Result<Link, Error> {
        let damaged = || Error::Internal(format!("{FILE} is damaged"));
        let fingerprint: Fingerprint =
            unhex(&self.fingerprint).and_then(|bytes| bytes.try_into().ok()).ok_or_else(damaged)?;
        let token = keys.open(TOKEN, &STANDARD.decode(&self.token).map_err(|_| damaged())?)?;
        Link::new(&self.address, Some(fingerprint), Some(token))
    }
}

/// With the port that branch machines listen on, where none is given.
fn full_address(typed: &str) -> Result<String, Error> {
    let typed = typed.trim();
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if typed.is_empty() || typed.len() > 200 || !typed.chars().all(known) {
        return Err(Error::invalid("address", "desk_address"));
    }
    let has_port = typed.rsplit_once(':').is_some_and(|(host, port)| {
        !port.is_empty()
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && (!host.contains(':') || host.ends_with(']'))
    });
    Ok(if has_port { typed.to_owned() } else { format!("{typed}:{PORT}") })
}

/// Makes this machine a desk. Nothing is kept unless the branch machine has proven that it knows the code too.
///
/// # Errors
/// `desk_address`, `desk_code_wrong`, `branch_machine_not_there`, `branch_machine_unproven`, or what the branch machine says.
pub async fn pair(data_dir: &Path, keys: &KeyFile, request: &PairHere) -> Result<Paired, WireError> {
    let own = |error: Error| error.to_wire();
    let address = full_address(&request.address).map_err(own)?;
    let code = || Error::invalid("code", "desk_code_wrong").to_wire();
    let key = proof::key(&request.code).ok_or_else(code)?;
    let told = |trouble: Trouble| match trouble {
        Trouble::Refused(error) => error,
        Trouble::Unknown | Trouble::OtherMachine => Error::conflict("branch_machine_unproven").to_wire(),
        Trouble::Away(why) => {
            tracing::warn!(why, "no branch machine to pair with");
            Error::invalid("address", "branch_machine_not_there").to_wire()
        }
    };
    // Whoever answers shows a certificate first. The proof is bound to it, so a stranger's leads nowhere.
    let stranger = Link::new(&address, None, None).map_err(own)?;
    let asked: Result<serde_json::Value, Trouble> = stranger.ask("/lan/pulse", &(), PATIENCE).await;
    let fingerprint = match (asked, stranger.fingerprint()) {
        (Err(Trouble::Unknown), Some(fingerprint)) => fingerprint,
        (Err(trouble @ Trouble::Away(_)), _) => return Err(told(trouble)),
        _ => return Err(told(Trouble::Away("something else answers there".to_owned()))),
    };
    let nonce = random::bytes::<16>();
    let proof = proof::of_desk(&key, &fingerprint, &nonce, &request.name);
    let ask = AskPairing { name: request.name.clone(), nonce: hex(&nonce), proof: hex(&proof) };
    let link = Link::new(&address, Some(fingerprint), None).map_err(own)?;
    let pairing: Pairing = link.ask("/lan/pair", &ask, PATIENCE).await.map_err(told)?;
    let shown = unhex(&pairing.proof).unwrap_or_default();
    if !proof::is_same(&shown, &proof::of_branch(&key, &fingerprint, &nonce, &pairing.token)) {
        return Err(told(Trouble::Unknown));
    }
    let sealed = keys.seal(TOKEN, Secret::new(pairing.token).expose()).map_err(own)?;
    let paired = Paired {
        address,
        fingerprint: hex(&fingerprint),
        desk_id: pairing.desk_id,
        token: STANDARD.encode(sealed),
    };
    let bytes =
        serde_json::to_vec_pretty(&paired).map_err(|error| own(Error::Internal(error.to_string())))?;
    write_private(&data_dir.join(FILE), &bytes).map_err(|error| own(Error::Internal(error.to_string())))?;
    Ok(paired)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_out_the_port() {
        for (typed, full) in [
            ("192.168.1.20", Some("192.168.1.20:8471")),
            (" desk-pc.local:9000 ", Some("desk-pc.local:9000")),
            ("[fe80::1]", Some("[fe80::1]:8471")),
            ("[fe80::1]:90", Some("[fe80::1]:90")),
            ("", None),
            ("http://a/b", None),
            ("a b", None),
        ] {
            assert_eq!(full_address(typed).ok().as_deref(), full, "{typed}");
        }
    }
}
