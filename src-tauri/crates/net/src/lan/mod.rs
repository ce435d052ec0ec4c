//! Several desks of one branch. The branch machine has the database; its other desks are machines of the same network that ask
//! it over TLS: the same command list, in the name of the people who are logged in there.
//!
//! At the branch machine: `certificate`, `listen`, `routes`. At the desk: `pairing`, `link` (asks), `keep` (what it keeps to go
//! on without an answer), `desk` (the host).
mod certificate;
mod desk;
mod keep;
mod link;
mod listen;
mod pairing;
mod people;
mod routes;
pub mod wire;

pub use certificate::Identity;
pub use desk::RemoteDesk;
pub use link::{Link, Trouble};
pub use listen::{Listening, listen, wanted};
pub use pairing::{Paired, pair};

use crate::host::Host;
use gatehouse_core::actor::Actor;
use gatehouse_core::auth::model::Permission;
use gatehouse_core::desks::service as desks;
use gatehouse_core::error::Error;
use std::sync::Arc;
use wire::{LanView, SetLan};

/// Opens the door for other desks where that is wanted. Without it, the branch machine still does all for itself.
pub(crate) async fn open(host: &Arc<Host>) {
    let opened = match wanted(host) {
        Ok(Some(address)) => listen(host, address).await.map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    let opened = opened.map_err(|error| {
        tracing::error!(%error, "other desks cannot ask this machine");
        error.to_string()
    });
    *host.lan() = opened;
}

pub(crate) fn close(host: &Host) {
    *host.lan() = Ok(None);
}

/// Settings → Desks.
pub(crate) async fn view(host: &Host, actor: &Actor) -> Result<LanView, Error> {
    let rows = desks::list(host.services(), actor).await?;
    let on = !matches!(wanted(host), Ok(None));
    let lan = host.lan();
    Ok(LanView {
        on,
        addresses: lan.as_ref().ok().and_then(Option::as_ref).map(Listening::addresses).unwrap_or_default(),
        trouble: lan.as_ref().err().cloned(),
        desks: rows,
    })
}

/// Opens or shuts the door, from now on.
pub(crate) async fn set(host: &Arc<Host>, actor: &Actor, request: SetLan) -> Result<LanView, Error> {
    actor.require(Permission::EditSettings)?;
    host.desk_file().update(|content| content.lan_on = request.on);
    close(host);
    open(host).await;
    view(host, actor).await
}
