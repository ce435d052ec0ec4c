//! A running host: the house, its desk, its scanner. The window has one, `gatehousectl serve` has one.
use crate::desk::{DeskFile, Station};
use crate::house::House;
use crate::lan::Listening;
use crate::payments::Gateways;
use crate::printers::Printers;
use gatehouse_core::actor::{Actor, DeskActor};
use gatehouse_core::auth::login;
use gatehouse_core::error::Error;
use gatehouse_core::gym::service as gym;
use gatehouse_core::gym::wire::SetupStatus;
use gatehouse_core::ids::DeskId;
use gatehouse_core::services::Services;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_cron_scheduler::JobScheduler;

/// Shared by every call.
pub struct Host {
    pub house: House,
    pub station: Station,
    pub gateways: Gateways,
    pub printers: Printers,
    /// Name of this machine or program, kept with each session.
    pub device: String,
    desk_file: DeskFile,
    jobs: tokio::sync::Mutex<Option<JobScheduler>>,
    relay: Mutex<Option<tokio::task::AbortHandle>>,
    /// The door for other desks, and why it is shut though it should be open.
    lan: Mutex<Result<Option<Listening>, String>>,
    /// Token of the session that used this desk last: whoever it belongs to stands at the desk, and the scanner
    /// works in that person's name.
    at_desk: Mutex<Option<String>>,
}

impl Host {
    /// `desk_name` makes this host a desk of its own; without it, it is the desk it was before, or the first.
    pub async fn new(house: House, device: String, desk_name: Option<&str>) -> Result<Arc<Self>, Error> {
        let desk_file = DeskFile::open(house.place.data_dir.join("desk.json"));
        if let Some(name) = desk_name
            && let Some(desk) = gym::desk_named(&house.services, name).await?
        {
            desk_file.update(|content| content.desk_id = Some(desk));
        }
        let printers = Printers::new(&house.place.data_dir);
        Ok(Arc::new(Self {
            house,
            station: Station::default(),
            gateways: Gateways::default(),
            printers,
            device,
            desk_file,
            jobs: tokio::sync::Mutex::default(),
            relay: Mutex::default(),
            lan: Mutex::new(Ok(None)),
            at_desk: Mutex::new(None),
        }))
    }

    pub fn services(&self) -> &Services {
        &self.house.services
    }

    /// What happens by itself; see [`crate::jobs`].
    pub(crate) async fn jobs(&self) -> tokio::sync::MutexGuard<'_, Option<JobScheduler>> {
        self.jobs.lock().await
    }

    /// Takes the running relay in, and ends the one before.
    pub(crate) fn relays_by(&self, running: Option<tokio::task::AbortHandle>) {
        let mut relay = self.relay.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = std::mem::replace(&mut *relay, running) {
            before.abort();
        }
    }

    /// The door for other desks.
    pub(crate) fn lan(&self) -> std::sync::MutexGuard<'_, Result<Option<Listening>, String>> {
        self.lan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a relay was started.
    pub(crate) fn relays(&self) -> bool {
        self.relay.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// What this desk remembers between runs.
    pub fn desk_file(&self) -> &DeskFile {
        &self.desk_file
    }

    /// Gym, branch and desk of this host.
    pub async fn status(&self) -> Result<SetupStatus, Error> {
        let status = gym::status(self.services(), self.desk_file.read().desk_id).await?;
        if status.is_set_up && status.desk.is_none() {
            // The desk of another database: this one's first desk takes over.
            self.desk_file.update(|content| content.desk_id = None);
            return gym::status(self.services(), None).await;
        }
        Ok(status)
    }

    /// This host's desk; an error before set-up.
    pub async fn desk(&self) -> Result<DeskId, Error> {
        self.status().await?.desk.map(|desk| desk.id).ok_or(Error::conflict("not_set_up"))
    }

    /// Notes who stands at the desk now.
    pub fn stand_at_desk(&self, token: Option<String>) {
        *self.at_desk.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// In whose name the scanner works: the person at the desk, else the desk itself. None before set-up.
    pub async fn scanning_actor(&self) -> Result<Option<Actor>, Error> {
        let token = self.at_desk.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(token) = token
            && let Some(current) = login::authenticate(self.services(), &token).await?
        {
            return Ok(Some(current.actor));
        }
        let status = self.status().await?;
        Ok(match (status.branch, status.desk) {
            (Some(branch), Some(desk)) => Some(Actor::Desk(DeskActor { branch: branch.id, desk: desk.id })),
            _ => None,
        })
    }
}
