//! The host of a desk without a database of its own: it asks the branch machine, and goes on by itself while that does not
//! answer.
use super::keep::{Keep, store_snapshot};
use super::link::{Link, Trouble};
use super::pairing::Paired;
use super::people::People;
use super::routes::AT_THE_MACHINE;
use super::wire::{
    AskReceipt, DeskLink, DeskLinkView, Forwarded, ForwardedReply, LinkStanding, NotPrinted, Pulse,
    ReceiptBytes, Replay, Scanned,
};
use crate::desk::wire::{
    CameraView, ChooseSource, DeskEvent, DeskWait, PrinterChoice, ReadPicture, ReceiptPrinted,
};
use crate::desk::{self, AtDesk, DeskFile, Station};
use crate::printers::Printers;
use crate::rpc::{self, Caller, Reply, SessionChange, check_csrf};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use gatehouse_core::actor::{Actor, StaffActor};
use gatehouse_core::auth::wire::Me;
use gatehouse_core::checkin::emergency::Ask;
use gatehouse_core::checkin::replay::Replayed;
use gatehouse_core::checkin::snapshot::Snapshot;
use gatehouse_core::checkin::wire::{CheckIn, Feed, FeedRow, Source as Via, Verdict, Who};
use gatehouse_core::clock::{Clock, SystemClock};
use gatehouse_core::error::{Error, WireError};
use gatehouse_core::ids::{ScanId, SessionId};
use gatehouse_core::receipts::wire::ChooseReceipt;
use gatehouse_core::sealed::KeyFile;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long the branch machine may take to a verdict, and to say that it is there.
const BOUND: Duration = Duration::from_millis(1500);
/// How often it is asked whether it is there.
const PULSE: Duration = Duration::from_secs(1);
/// Anything else, as long as it says in between that it is there.
const PATIENCE: Duration = Duration::from_mins(2);
/// A snapshot without a reason, and after something happened.
const SNAPSHOT_EVERY: Duration = Duration::from_mins(2);
const SNAPSHOT_AFTER_NEWS: Duration = Duration::from_secs(10);
/// Scans told at a time.
const BATCH: usize = 200;

/// One desk.
pub struct RemoteDesk {
    station: Station,
    printers: Printers,
    /// Name of this machine or program, kept with each session.
    device: String,
    desk_file: DeskFile,
    address: String,
    paired: Paired,
    link: Link,
    clock: Arc<dyn Clock>,
    people: People,
    keep: Mutex<Keep>,
    keys: KeyFile,
    /// Folder of what is kept.
    emergency: PathBuf,
    standing: watch::Sender<(LinkStanding, DateTime<Utc>)>,
    /// Token of the session that used this desk last: the scanner works in that person's name.
    at_desk: Mutex<Option<String>>,
    /// Something happened since the snapshot.
    stale: watch::Sender<u64>,
    at_work: Mutex<JoinSet<()>>,
    /// No second program is the same desk.
    alone: Mutex<Option<File>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RemoteDesk {
    /// Opens it and begins to ask. It opens without an answer, too.
    pub fn open(data_dir: &Path, paired: Paired, device: String) -> Result<Arc<Self>, Error> {
        Self::open_with_clock(data_dir, paired, device, Arc::new(SystemClock))
    }

    /// As [`RemoteDesk::open`], with another clock.
    pub fn open_with_clock(
        data_dir: &Path,
        paired: Paired,
        device: String,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, Error> {
        let keys = KeyFile::at(data_dir.join("secrets.key"));
        let link = paired.link(&keys)?;
        let folder = data_dir.join("emergency");
        let trouble = |error: &dyn std::fmt::Display| {
            Error::Internal(format!("the folder {} cannot be used: {error}", folder.display()))
        };
        std::fs::create_dir_all(&folder).map_err(|error| trouble(&error))?;
        let desk = Arc::new(Self {
            station: Station::default(),
            printers: Printers::new(data_dir),
            device,
            desk_file: DeskFile::open(data_dir.join("desk.json")),
            address: paired.address.clone(),
            paired,
            link,
            alone: Mutex::new(Some(alone(&folder.join("lock")).map_err(|error| trouble(&error))?)),
            people: People::open(&folder, keys.clone()),
            keep: Mutex::new(Keep::open(&folder, keys.clone())?),
            keys,
            emergency: folder,
            standing: watch::Sender::new((LinkStanding::Away, clock.now())),
            clock,
            at_desk: Mutex::default(),
            stale: watch::Sender::new(0),
            at_work: Mutex::default(),
        });
        let mut at_work = lock(&desk.at_work);
        at_work.spawn(keep_asking(Arc::downgrade(&desk)));
        at_work.spawn(keep_snapshots(Arc::downgrade(&desk)));
        drop(at_work);
        Ok(desk)
    }

    /// Waits for the first answer, not long.
    pub async fn ready(&self) {
        let mut standing = self.standing.subscribe();
        let answered = standing.wait_for(|(standing, _)| *standing != LinkStanding::Away);
        drop(tokio::time::timeout(2 * BOUND, answered).await);
    }

    /// Ends the scanner and stops asking; another program may be the desk now.
    pub fn close(&self) {
        self.station.stop();
        lock(&self.at_work).abort_all();
        *lock(&self.alone) = None;
    }

    pub fn paired(&self) -> &Paired {
        &self.paired
    }

    fn now(&self) -> DateTime<Utc> {
        use chrono::SubsecRound as _;
        // As precise as the database stores it.
        self.clock.now().trunc_subsecs(6)
    }

    fn is_up(&self) -> bool {
        self.standing.borrow().0 == LinkStanding::Up
    }

    /// How it stands.
    pub fn link(&self) -> DeskLink {
        let (standing, since) = *self.standing.borrow();
        let keep = lock(&self.keep);
        DeskLink {
            standing,
            address: self.address.clone(),
            since,
            snapshot_at: keep.taken_at(),
            queued: keep.untold().len(),
        }
    }

    fn stand(&self, standing: LinkStanding) {
        let now = self.now();
        let changed = self.standing.send_if_modified(|before| {
            let changes = before.0 != standing;
            if changes {
                *before = (standing, now);
            }
            changes
        });
        if changed {
            tracing::info!(?standing, "the branch machine");
            self.tell_link();
        }
    }

    fn tell_link(&self) {
        self.station.events.push(DeskEvent::Link { link: self.link() });
    }

    fn note(&self, trouble: &Trouble) {
        match trouble {
            Trouble::Away(why) => {
                tracing::debug!(why, "no answer");
                self.stand(LinkStanding::Away);
            }
            Trouble::OtherMachine => self.stand(LinkStanding::OtherMachine),
            Trouble::Unknown => {
                lock(&self.keep).forget_the_gym();
                self.people.forget_all();
                self.stand(LinkStanding::Revoked);
            }
            Trouble::Refused(_) => {}
        }
    }

    /// Asks while the branch machine says that it is there.
    async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        within: Duration,
    ) -> Result<T, WireError> {
        if !self.is_up() {
            return Err(self.away());
        }
        let mut standing = self.standing.subscribe();
        let gone = standing.wait_for(|(standing, _)| *standing != LinkStanding::Up);
        tokio::select! {
            answer = self.link.ask(path, body, within) => answer.map_err(|trouble| {
                self.note(&trouble);
                match trouble {
                    Trouble::Refused(error) => error,
                    _ => self.silent(),
                }
            }),
            _ = gone => Err(self.silent()),
        }
    }

    /// It was asked and did not answer: whether it did anything is not known.
    fn silent(&self) -> WireError {
        match self.standing.borrow().0 {
            LinkStanding::Up | LinkStanding::Away => Error::conflict("branch_machine_silent").to_wire(),
            LinkStanding::Revoked | LinkStanding::OtherMachine => self.away(),
        }
    }

    /// It was not asked.
    fn away(&self) -> WireError {
        let code = match self.standing.borrow().0 {
            LinkStanding::Revoked => "desk_revoked",
            LinkStanding::OtherMachine => "desk_other_machine",
            LinkStanding::Up | LinkStanding::Away => "branch_machine_away",
        };
        Error::conflict(code).to_wire()
    }

    /// Answers one call of somebody at this desk.
    pub async fn call(
        self: &Arc<Self>,
        caller: &Caller,
        command: &str,
        request: serde_json::Value,
    ) -> Result<Reply, WireError> {
        let answer = match command {
            "check_in" | "let_in" | "check_out" => self.at_the_door(caller, command, request).await,
            "setup_status" | "me" | "feed" | "lock" | "logout" if !self.is_up() => {
                self.alone(caller, command)
            }
            _ if AT_THE_MACHINE.contains(&command) => self.here(caller, command, request).await,
            _ => self.forward(caller, command, request).await,
        };
        if let Err(error) = &answer {
            tracing::debug!(command, code = error.code, "call refused");
        }
        answer
    }

    async fn forward(
        &self,
        caller: &Caller,
        command: &str,
        request: serde_json::Value,
    ) -> Result<Reply, WireError> {
        self.forward_within(caller, command, request, PATIENCE).await
    }

    async fn forward_within(
        &self,
        caller: &Caller,
        command: &str,
        request: serde_json::Value,
        within: Duration,
    ) -> Result<Reply, WireError> {
        let device = caller.device.clone().unwrap_or_else(|| self.device.clone());
        let caller = Caller { device: Some(device), ..caller.clone() };
        let body = Forwarded { caller, request };
        let reply: ForwardedReply = self.ask(&format!("/lan/rpc/{command}"), &body, within).await?;
        let caller = body.caller;
        if let Some(token) = &caller.token
            && reply.answer.as_ref().is_err_and(|error| error.code == "not_logged_in")
        {
            self.people.forget(token);
        }
        let body = reply.answer?;
        let token = match &reply.session {
            SessionChange::Open(token) => Some(token),
            SessionChange::Close => {
                if let Some(token) = &caller.token {
                    self.people.forget(token);
                }
                *lock(&self.at_desk) = None;
                None
            }
            SessionChange::Keep if matches!(command, "me" | "lock") => caller.token.as_ref(),
            SessionChange::Keep => None,
        };
        if let (Some(token), Ok(me)) = (token, serde_json::from_value::<Me>(body.clone())) {
            self.people.know(token, me);
            *lock(&self.at_desk) = Some(token.clone());
        }
        Ok(Reply { body, session: reply.session })
    }

    /// Who calls, as this desk knows it, or else the branch machine.
    async fn me(&self, caller: &Caller, command: &str) -> Result<Me, WireError> {
        let not_logged_in = || Error::NotLoggedIn.to_wire();
        let token = caller.token.as_deref().ok_or_else(not_logged_in)?;
        let me = match self.people.get(token) {
            Some(me) => me,
            None if self.is_up() => {
                self.forward(caller, "me", serde_json::Value::Null).await?;
                self.people.get(token).ok_or_else(not_logged_in)?
            }
            None => return Err(not_logged_in()),
        };
        check_csrf(caller, &me, command).map_err(|error| error.to_wire())?;
        Ok(me)
    }

    /// What this desk answers by itself while the branch machine is away.
    fn alone(&self, caller: &Caller, command: &str) -> Result<Reply, WireError> {
        let known = caller.token.as_deref().and_then(|token| Some((token, self.people.get(token)?)));
        let not_logged_in = || Error::NotLoggedIn.to_wire();
        match command {
            "setup_status" => reply(lock(&self.keep).status().ok_or_else(|| self.away())?),
            "feed" => {
                let (_, me) = known.ok_or_else(not_logged_in)?;
                reply(self.feed(&actor(&me)))
            }
            "lock" => {
                let (token, me) = known.ok_or_else(not_logged_in)?;
                check_csrf(caller, &me, command).map_err(|error| error.to_wire())?;
                self.people.lock(token);
                let me = Me { locked: true, ..me };
                self.people.know(token, me.clone());
                reply(me)
            }
            "logout" => {
                let (token, me) = known.ok_or_else(not_logged_in)?;
                check_csrf(caller, &me, command).map_err(|error| error.to_wire())?;
                // The branch machine is told when it is back: it locks the session, nobody can use it without a PIN.
                self.people.lock(token);
                self.people.forget(token);
                *lock(&self.at_desk) = None;
                Ok(Reply { body: serde_json::Value::Null, session: SessionChange::Close })
            }
            _ => {
                // Nobody known, and nobody to ask: the person may well be logged in.
                let (token, me) = known.ok_or_else(|| self.away())?;
                *lock(&self.at_desk) = Some(token.to_owned());
                reply(me)
            }
        }
    }

    /// The scans of this outage. How many are inside is as the snapshot knew it.
    fn feed(&self, actor: &Actor) -> Feed {
        let keep = lock(&self.keep);
        let rows = keep
            .done()
            .take(20)
            .map(|told| FeedRow {
                scan_id: told.scan,
                at: told.at,
                source: told.source,
                outcome: told.outcome,
                reasons: told.reasons.clone(),
                member: keep.shown(told, actor),
                entry_id: told.entry,
                undone: false,
                can_undo: false,
                by: None,
            })
            .collect();
        let (inside, capacity) = keep.inside();
        Feed { rows, inside, capacity }
    }

    /// A scan by somebody's hand: the branch machine's verdict, or this desk's own.
    async fn at_the_door(
        &self,
        caller: &Caller,
        command: &str,
        request: serde_json::Value,
    ) -> Result<Reply, WireError> {
        if self.is_up() {
            match self.forward_within(caller, command, request.clone(), BOUND).await {
                Err(error) if is_away(&error) => {}
                answer => {
                    self.news();
                    return answer;
                }
            }
        }
        if self.standing.borrow().0 == LinkStanding::Revoked {
            return Err(self.away());
        }
        let me = self.me(caller, command).await?;
        let who = actor(&me);
        let verdict = match command {
            "check_in" => self.judge(&who, &Ask::CheckIn(&read(request)?)),
            "let_in" => self.judge(&who, &Ask::LetIn(&read(request)?)),
            _ => self.judge(&who, &Ask::CheckOut(&read(request)?)),
        };
        let verdict = verdict.map_err(|error| logged(command, error))?;
        self.station.events.push(DeskEvent::FeedChanged);
        reply(verdict)
    }

    fn judge(&self, actor: &Actor, ask: &Ask<'_>) -> Result<Verdict, Error> {
        let verdict = lock(&self.keep).judge(actor, ask, self.now())?;
        self.tell_link();
        Ok(verdict)
    }

    /// A code that the scanner read.
    async fn judge_scan(&self, code: String, via: Via) -> Result<Verdict, WireError> {
        let scan_id = ScanId::new(self.now());
        let token = lock(&self.at_desk).clone();
        if self.is_up() {
            let scanned = Scanned { scan_id, code: code.clone(), source: via, token: token.clone() };
            match self.ask::<Verdict>("/lan/scan", &scanned, BOUND).await {
                Err(error) if is_away(&error) => {}
                answer => {
                    self.news();
                    return answer;
                }
            }
        }
        if self.standing.borrow().0 == LinkStanding::Revoked {
            return Err(self.away());
        }
        let person = token.and_then(|token| self.people.get(&token)).map(|me| actor(&me));
        let desk = lock(&self.keep).desk();
        let who = person.or(desk).unwrap_or(Actor::System { branch: None, desk: Some(self.paired.desk_id) });
        let request = CheckIn { scan_id, who: Who::Code(code), source: via };
        self.judge(&who, &Ask::CheckIn(&request)).map_err(|error| logged("scan", error))
    }

    /// The snapshot is older than what happened.
    fn news(&self) {
        self.stale.send_modify(|count| *count += 1);
    }

    /// Commands about this machine.
    async fn here(
        self: &Arc<Self>,
        caller: &Caller,
        command: &str,
        request: serde_json::Value,
    ) -> Result<Reply, WireError> {
        if command == "desk_link" {
            return reply(DeskLinkView { link: Some(self.link()) });
        }
        let me = self.me(caller, command).await?;
        let who = actor(&me);
        let own = |error: Error| logged(command, error);
        match command {
            "desk_wait" => {
                let asked: DeskWait = read(request)?;
                reply(desk::for_eyes_of(&who, self.station.events.wait(asked.after).await))
            }
            "desk_frame" => reply(self.station.frame().await),
            "desk_sources" => reply(self.station.sources()),
            "desk_choose_source" => {
                let chosen: ChooseSource = read(request)?;
                reply(desk::choose(self, &who, chosen).map_err(own)?)
            }
            "desk_pause" => {
                desk::pause(self.as_ref(), &who).map_err(own)?;
                reply(())
            }
            "desk_resume" => {
                self.station.resume();
                reply(())
            }
            "desk_photo" => reply(desk::photo(self.as_ref(), &who).map_err(own)?),
            "desk_read_picture" => {
                let picture: ReadPicture = read(request)?;
                let code = desk::read_picture(picture.picture_base64).await.map_err(own)?;
                let request =
                    CheckIn { scan_id: picture.scan_id, who: Who::Code(code), source: Via::Picture };
                self.at_the_door(caller, "check_in", serde_json::json!(request)).await
            }
            "printer_settings_get" => reply(desk::printer(self.as_ref())),
            "printer_settings_set" => {
                let choice: PrinterChoice = read(request)?;
                reply(desk::choose_printer(self.as_ref(), &who, choice).map_err(own)?)
            }
            "printer_test" => {
                desk::test_printer(self.as_ref(), &who).await.map_err(own)?;
                reply(())
            }
            "receipt_print" => self.print(caller, read(request)?).await,
            _ => Err(Error::conflict("only_at_branch_machine").to_wire()),
        }
    }

    /// The branch machine says what is on the paper; the paper is here.
    async fn print(&self, caller: &Caller, request: ChooseReceipt) -> Result<Reply, WireError> {
        let settings = desk::chosen(self).map_err(|error| error.to_wire())?;
        let asked = AskReceipt {
            caller: caller.clone(),
            receipt_id: request.receipt_id,
            roll: settings.roll,
            language: settings.language,
            kick_drawer: settings.kick_drawer,
        };
        let receipt: ReceiptBytes = self.ask("/lan/receipt", &asked, PATIENCE).await?;
        let damaged = |_| Error::Internal("a receipt arrived damaged".to_owned()).to_wire();
        let bytes = STANDARD.decode(receipt.base64).map_err(damaged)?;
        if let Err(error) = self.printers.send(&settings, &bytes).await {
            if error.left_no_trace() {
                let (receipt_id, number) = (request.receipt_id, receipt.number);
                let told = NotPrinted { caller: caller.clone(), receipt_id, number, why: error.to_string() };
                self.ask::<()>("/lan/not-printed", &told, PATIENCE).await?;
            }
            return Err(desk::refused(error).to_wire());
        }
        reply(ReceiptPrinted { is_copy: receipt.is_copy })
    }

    /// Tells the branch machine what it does not know, and only then counts on it again.
    async fn come_back(&self) {
        for token in self.people.locked() {
            let caller = Caller { token: Some(token.clone()), ..Caller::default() };
            let body = Forwarded { caller, request: serde_json::Value::Null };
            if let Err(trouble) = self.link.ask::<ForwardedReply>("/lan/rpc/lock", &body, BOUND).await {
                return self.note(&trouble);
            }
            self.people.was_told(&token);
        }
        loop {
            let batch: Vec<_> = {
                let keep = lock(&self.keep);
                let untold = keep.untold();
                if untold.is_empty() {
                    break;
                }
                untold.iter().take(BATCH).cloned().collect()
            };
            let count = batch.len();
            let told: Result<Replayed, Trouble> =
                self.link.ask("/lan/replay", &Replay { scans: batch }, PATIENCE).await;
            match told {
                Ok(answer) => {
                    if !answer.refused.is_empty() {
                        tracing::error!(
                            count = answer.refused.len(),
                            "scans that the branch machine does not take"
                        );
                    }
                    if let Err(error) = lock(&self.keep).was_told(count, &answer.refused) {
                        tracing::error!(%error, "the queue stays as it is, and is told again");
                        return;
                    }
                    self.news();
                    self.tell_link();
                }
                Err(trouble) => {
                    tracing::warn!(?trouble, "the queue waits");
                    return self.note(&trouble);
                }
            }
        }
        self.stand(LinkStanding::Up);
    }

    async fn take_snapshot(&self) -> Result<(), Trouble> {
        let told = lock(&self.keep).told();
        let snapshot: Snapshot = self.link.ask("/lan/snapshot", &(), PATIENCE).await?;
        tracing::debug!(members = snapshot.members(), "a snapshot");
        let (folder, keys) = (self.emergency.clone(), self.keys.clone());
        let stored = tokio::task::spawn_blocking(move || store_snapshot(&folder, &keys, snapshot)).await;
        let stored = stored.unwrap_or_else(|error| Err(Error::Internal(error.to_string())));
        if let Err(error) = stored.and_then(|book| lock(&self.keep).renew(book, told)) {
            tracing::error!(%error, "the snapshot was not kept");
        }
        // It may have been on its way when the desk was taken away.
        if self.standing.borrow().0 == LinkStanding::Revoked {
            lock(&self.keep).forget_the_gym();
        }
        Ok(())
    }
}

impl AtDesk for RemoteDesk {
    fn station(&self) -> &Station {
        &self.station
    }

    fn desk_file(&self) -> &DeskFile {
        &self.desk_file
    }

    fn printers(&self) -> &Printers {
        &self.printers
    }

    async fn seen(&self, code: String, via: Via) {
        let event = match self.judge_scan(code, via).await {
            Ok(verdict) => DeskEvent::Verdict { verdict: Box::new(verdict) },
            Err(error) => {
                tracing::error!(code = error.code, "a scan was not judged");
                let camera =
                    CameraView { state: "failed".into(), detail: Some(error.code), ..self.station.camera() };
                DeskEvent::Camera { camera }
            }
        };
        self.station.events.push(event);
    }
}

/// Asks every second whether the branch machine is there, and what is new.
async fn keep_asking(desk: Weak<RemoteDesk>) {
    let mut known: Option<u64> = None;
    loop {
        {
            let Some(desk) = desk.upgrade() else { return };
            match desk.link.ask::<Pulse>("/lan/pulse", &(), BOUND).await {
                Ok(pulse) => {
                    // Also for a scan that had no answer in time while all was well.
                    let behind = !lock(&desk.keep).untold().is_empty();
                    if !desk.is_up() || behind {
                        desk.come_back().await;
                    }
                    if known.replace(pulse.seq) != Some(pulse.seq) {
                        desk.news();
                        desk.station.events.push(DeskEvent::FeedChanged);
                    }
                }
                Err(trouble) => {
                    known = None;
                    desk.note(&trouble);
                }
            }
        }
        tokio::time::sleep(PULSE).await;
    }
}

/// Keeps what verdicts come from fresh.
async fn keep_snapshots(desk: Weak<RemoteDesk>) {
    loop {
        let (mut standing, mut stale) = {
            let Some(desk) = desk.upgrade() else { return };
            (desk.standing.subscribe(), desk.stale.subscribe())
        };
        if standing.wait_for(|(standing, _)| *standing == LinkStanding::Up).await.is_err() {
            return;
        }
        stale.mark_unchanged();
        {
            let Some(desk) = desk.upgrade() else { return };
            if let Err(trouble) = desk.take_snapshot().await {
                tracing::warn!(?trouble, "no snapshot");
            }
        }
        tokio::time::sleep(SNAPSHOT_AFTER_NEWS).await;
        // Silence until then, or an end: both lead to the next one.
        drop(tokio::time::timeout(SNAPSHOT_EVERY.saturating_sub(SNAPSHOT_AFTER_NEWS), stale.changed()).await);
    }
}

/// Held for as long as the desk runs.
fn alone(path: &PathBuf) -> Result<File, String> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| error.to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err("another program is this desk already".to_owned()),
        Err(TryLockError::Error(error)) => Err(error.to_string()),
    }
}

/// The person as the branch machine knew them.
fn actor(me: &Me) -> Actor {
    if me.locked {
        return Actor::Desk(gatehouse_core::actor::DeskActor { branch: me.branch_id, desk: me.desk_id });
    }
    Actor::Staff(StaffActor {
        account: me.account_id,
        // Nothing that is asked here depends on it.
        session: SessionId(uuid::Uuid::nil()),
        roles: me.roles.iter().copied().collect(),
        permissions: me.permissions.iter().copied().collect(),
        branch: me.branch_id,
        desk: me.desk_id,
    })
}

fn read<T: DeserializeOwned>(request: serde_json::Value) -> Result<T, WireError> {
    rpc::decode(request).map_err(|error| error.to_wire())
}

fn is_away(error: &WireError) -> bool {
    matches!(error.code.as_str(), "branch_machine_away" | "branch_machine_silent")
}

fn reply(body: impl Serialize) -> Result<Reply, WireError> {
    let body = rpc::encode(body).map_err(|error| error.to_wire())?;
    Ok(Reply { body, session: SessionChange::Keep })
}

fn logged(command: &str, error: Error) -> WireError {
    if let Error::Internal(why) = &error {
        tracing::error!(command, why, "call failed");
    }
    error.to_wire()
}
