//! What answers the screens of this machine: a host with the database, or a desk that asks one.
use crate::desk;
use crate::host::Host;
use crate::house::Place;
use crate::jobs;
use crate::lan::wire::PairHere;
use crate::lan::{Paired, RemoteDesk, pair};
use crate::rpc::{self, Caller, Reply};
use gatehouse_core::error::{Error, WireError};
use gatehouse_core::sealed::KeyFile;
use gatehouse_scan::source::Source;
use std::sync::{Arc, PoisonError, RwLock};

/// One of them.
#[derive(Clone)]
pub enum Served {
    Host(Arc<Host>),
    Desk(Arc<RemoteDesk>),
}

/// The one of now: a machine without a gym may become a desk while it runs.
pub struct Front {
    now: RwLock<Served>,
    place: Place,
    device: String,
}

impl Front {
    pub fn new(served: Served, place: Place, device: String) -> Arc<Self> {
        Arc::new(Self { now: RwLock::new(served), place, device })
    }

    pub fn of_host(host: Arc<Host>) -> Arc<Self> {
        let (place, device) = (host.house.place.clone(), host.device.clone());
        Self::new(Served::Host(host), place, device)
    }

    /// The desk that this machine was paired as; none for a machine with a database of its own.
    pub async fn paired(place: &Place, device: &str) -> Result<Option<Served>, Error> {
        let Some(paired) = Paired::read(&place.data_dir)? else { return Ok(None) };
        let desk = RemoteDesk::open(&place.data_dir, paired, device.to_owned())?;
        desk.ready().await;
        Ok(Some(Served::Desk(desk)))
    }

    pub fn now(&self) -> Served {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers one call.
    pub async fn call(
        &self,
        caller: &Caller,
        command: &str,
        request: serde_json::Value,
    ) -> Result<Reply, WireError> {
        match self.now() {
            Served::Host(host) if command == "desk_pair" && is_empty(&host).await => {
                self.become_desk(request, || async { close_host(&host).await }).await
            }
            Served::Host(host) => rpc::call(&host, caller, command, request).await,
            Served::Desk(desk) if command == "desk_pair" => {
                self.become_desk(request, || async { desk.close() }).await
            }
            Served::Desk(desk) => desk.call(caller, command, request).await,
        }
    }

    /// Pairs this machine, and goes on as a desk.
    async fn become_desk<F: Future<Output = ()>>(
        &self,
        request: serde_json::Value,
        end: impl FnOnce() -> F,
    ) -> Result<Reply, WireError> {
        let request: PairHere = rpc::decode(request).map_err(|error| error.to_wire())?;
        let keys = KeyFile::at(self.place.data_dir.join("secrets.key"));
        let paired = pair(&self.place.data_dir, &keys, &request).await?;
        // What is scanned now is scanned on.
        let source = match self.now() {
            Served::Host(host) => host.station.camera().source,
            Served::Desk(desk) => desk::AtDesk::station(desk.as_ref()).camera().source,
        };
        end().await;
        let desk = RemoteDesk::open(&self.place.data_dir, paired, self.device.clone())
            .map_err(|error| error.to_wire())?;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Served::Desk(desk.clone());
        self.scan_remembered(source.and_then(|text| text.parse().ok()));
        desk.ready().await;
        desk.call(&Caller::default(), "setup_status", serde_json::Value::Null).await
    }

    /// Scans `source`, or what was scanned before.
    pub fn scan_remembered(&self, source: Option<Source>) {
        match self.now() {
            Served::Host(host) => scan_from(&host, source),
            Served::Desk(desk) => scan_from(&desk, source),
        }
    }

    /// The source that was scanned before, as it was chosen.
    pub fn remembered_source(&self) -> Option<String> {
        match self.now() {
            Served::Host(host) => host.desk_file().read().source,
            Served::Desk(desk) => desk::AtDesk::desk_file(desk.as_ref()).read().source,
        }
    }

    /// Ends it.
    pub async fn close(&self) {
        match self.now() {
            Served::Host(host) => close_host(&host).await,
            Served::Desk(desk) => desk.close(),
        }
    }
}

fn scan_from<D: desk::AtDesk>(host: &Arc<D>, source: Option<Source>) {
    let remembered = || host.desk_file().read().source.and_then(|text| text.parse().ok());
    if let Some(source) = source.or_else(remembered) {
        desk::scan(host, source);
    }
}

/// No gym was set up here: nothing is lost by becoming a desk.
async fn is_empty(host: &Host) -> bool {
    host.status().await.is_ok_and(|status| !status.is_set_up)
}

async fn close_host(host: &Host) {
    jobs::stop(host).await;
    host.station.stop();
    host.house.close().await;
}
