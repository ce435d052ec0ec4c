//! The scanner station: codes that a source reads become check-ins.
use super::events::Events;
use super::file::DeskFile;
use super::wire::{CameraRow, CameraView, ChooseSource, DeskEvent, DeskFrame, DeskSources, LightView};
use crate::host::Host;
use crate::printers::Printers;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_core::actor::Actor;
use gatehouse_core::auth::model::Permission;
use gatehouse_core::checkin::service as checkin;
use gatehouse_core::checkin::wire::{CheckIn, Source as Via, Verdict, Who};
use gatehouse_core::error::Error;
use gatehouse_core::ids::ScanId;
use gatehouse_core::members::wire::Picture;
use gatehouse_scan::camera::light::{Measure, measure};
use gatehouse_scan::camera::{CameraState, cameras};
use gatehouse_scan::decode::{self, Cascade};
use gatehouse_scan::reader::{Event, Reader, Settings};
use gatehouse_scan::source::{Frame, Source};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// One host has one; it owns the webcam.
#[derive(Default)]
pub struct Station {
    reader: Mutex<Option<Reader>>,
    preview: Mutex<Option<Preview>>,
    pub events: Events,
}

/// A frame and its picture as the page gets it.
struct Preview {
    frame: Arc<Frame>,
    jpeg_base64: String,
    light: Option<LightView>,
}

impl Station {
    fn reader(&self) -> MutexGuard<'_, Option<Reader>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the scanner is now.
    pub fn camera(&self) -> CameraView {
        match &*self.reader() {
            Some(reader) => view(&reader.state(), Some(reader.source().to_string())),
            None => CameraView { state: "none".into(), detail: None, source: None },
        }
    }

    /// Cameras of this machine, and the one in use.
    pub fn sources(&self) -> DeskSources {
        let cameras = cameras()
            .into_iter()
            .map(|camera| CameraRow { source: format!("camera:{}", camera.index), name: camera.name })
            .collect();
        DeskSources { cameras, camera: self.camera() }
    }

    /// The newest picture for the preview, at most 640 pixels wide.
    pub async fn frame(&self) -> DeskFrame {
        let newest = self.reader().as_ref().and_then(Reader::newest_frame);
        let shown = match newest {
            Some(frame) => self.preview(frame).await,
            None => None,
        };
        let (jpeg_base64, light) = shown.map_or((None, None), |(jpeg, light)| (Some(jpeg), light));
        DeskFrame { jpeg_base64, camera: self.camera(), light }
    }

    /// Made off the async threads, and once for each frame: a film that is over, and a second page, show the same one
    /// again and again.
    async fn preview(&self, frame: Arc<Frame>) -> Option<(String, Option<LightView>)> {
        let shown = || self.preview.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = shown().as_ref().filter(|shown| Arc::ptr_eq(&shown.frame, &frame)) {
            return Some((same.jpeg_base64.clone(), same.light));
        }
        let make = {
            let frame = frame.clone();
            move || (STANDARD.encode(frame.preview_jpeg()), measure(&frame.luma).map(light_view))
        };
        let (jpeg_base64, light) = tokio::task::spawn_blocking(make).await.ok()?;
        *shown() = Some(Preview { frame, jpeg_base64: jpeg_base64.clone(), light });
        Some((jpeg_base64, light))
    }

    /// The newest picture for a member's record, as JPEG.
    pub fn photo(&self) -> Result<Vec<u8>, Error> {
        let frame = self.reader().as_ref().and_then(Reader::newest_frame);
        frame.map(|frame| frame.photo_jpeg()).ok_or(Error::conflict("no_picture"))
    }

    pub fn pause(&self) {
        if let Some(reader) = &*self.reader() {
            reader.pause();
        }
    }

    pub fn resume(&self) {
        if let Some(reader) = &*self.reader() {
            reader.resume();
        }
    }

    /// Ends the scanner; within a second even when the driver hangs.
    pub fn stop(&self) {
        let reader = self.reader().take();
        drop(reader);
    }
}

fn light_view(seen: Measure) -> LightView {
    LightView {
        darkest: seen.darkest,
        brightest: seen.brightest,
        sharpness: seen.sharpness,
        dark_below: Measure::DARK,
        bright_above: Measure::BRIGHT,
        sharp_from: Measure::SHARP,
    }
}

fn view(state: &CameraState, source: Option<String>) -> CameraView {
    let detail = match state {
        CameraState::Failed { .. } => Some(state.to_string()),
        _ => None,
    };
    CameraView { state: state.code().to_owned(), detail, source }
}

/// Whose scanner it is: a host with the database, or a desk that asks one.
pub trait AtDesk: Send + Sync + 'static {
    fn station(&self) -> &Station;
    fn desk_file(&self) -> &DeskFile;
    fn printers(&self) -> &Printers;
    /// Judges a code that the scanner read, and shows the verdict.
    fn seen(&self, code: String, via: Via) -> impl Future<Output = ()> + Send;
}

impl AtDesk for Host {
    fn station(&self) -> &Station {
        &self.station
    }

    fn desk_file(&self) -> &DeskFile {
        self.desk_file()
    }

    fn printers(&self) -> &Printers {
        &self.printers
    }

    async fn seen(&self, code: String, via: Via) {
        seen_at_desk(self, code, via).await;
    }
}

/// Scans the source from now on. It was checked by whoever chose it.
pub fn scan<D: AtDesk>(host: &Arc<D>, source: Source) {
    let station = host.station();
    let mut reader = station.reader();
    if let Some(reader) = &*reader {
        reader.choose(source);
        return;
    }
    let (tell, mut told) = mpsc::unbounded_channel();
    *reader = Some(Reader::start(source, Settings::default(), move |event| {
        // Nobody listens any more when the host is going down.
        drop(tell.send(event));
    }));
    drop(reader);
    let host = Arc::downgrade(host);
    tokio::spawn(async move {
        while let Some(event) = told.recv().await {
            let Some(host) = host.upgrade() else { return };
            match event {
                Event::State(_) => {
                    let camera = host.station().camera();
                    host.station().events.push(DeskEvent::Camera { camera });
                }
                Event::Seen(seen) => {
                    let via =
                        host.station().reader().as_ref().map_or(Via::Webcam, |reader| via(&reader.source()));
                    host.seen(seen.text, via).await;
                }
            }
        }
    });
}

/// How a code of this source counts.
fn via(source: &Source) -> Via {
    match source {
        Source::Serial { .. } => Via::Serial,
        Source::Camera(_) | Source::Http(_) => Via::Webcam,
        Source::Path(_) => Via::Picture,
    }
}

/// What a person at the desk may choose: cameras and scanners. Files are for the command line, which runs with
/// the rights of whoever starts it.
pub fn choose<D: AtDesk>(host: &Arc<D>, actor: &Actor, request: ChooseSource) -> Result<DeskSources, Error> {
    actor.require(Permission::ViewMembers)?;
    match request.source.as_deref() {
        None => {
            host.station().stop();
            host.station().events.push(DeskEvent::Camera { camera: host.station().camera() });
        }
        Some(text) => {
            let source: Source = text.parse().map_err(|_| Error::invalid("source", "source_unknown"))?;
            if matches!(source, Source::Path(_)) {
                return Err(Error::invalid("source", "source_is_a_file"));
            }
            scan(host, source);
        }
    }
    host.desk_file().update(|content| content.source.clone_from(&request.source));
    Ok(host.station().sources())
}

/// The camera looks away while a photo is being taken.
pub fn pause(host: &impl AtDesk, actor: &Actor) -> Result<(), Error> {
    actor.require(Permission::EditMembers)?;
    host.station().pause();
    Ok(())
}

/// What the camera sees, for a member's photo.
pub fn photo(host: &impl AtDesk, actor: &Actor) -> Result<Picture, Error> {
    actor.require(Permission::EditMembers)?;
    Ok(Picture { mime: "image/jpeg".into(), base64: STANDARD.encode(host.station().photo()?) })
}

async fn seen_at_desk(host: &Host, code: String, via: Via) {
    let scan_id = ScanId::new(host.services().now());
    match check_in(host, scan_id, code, via).await {
        Ok(Some(verdict)) => host.station.events.push(DeskEvent::Verdict { verdict: Box::new(verdict) }),
        Ok(None) => tracing::debug!("a code was seen before the gym was set up"),
        Err(error) => {
            tracing::error!(%error, "a scan was not recorded");
            let detail = Some("database".to_owned());
            let camera = CameraView { state: "failed".into(), detail, ..host.station.camera() };
            host.station.events.push(DeskEvent::Camera { camera });
        }
    }
}

/// A code read by the host itself; none before set-up. A lost database is brought back and asked once more: the
/// scan's id makes that harmless.
async fn check_in(host: &Host, scan_id: ScanId, code: String, source: Via) -> Result<Option<Verdict>, Error> {
    let attempt = async || {
        let Some(actor) = host.scanning_actor().await? else { return Ok(None) };
        let request = CheckIn { scan_id, who: Who::Code(code.clone()), source };
        checkin::check_in(host.services(), &actor, request).await.map(Some)
    };
    match attempt().await {
        Err(error) if error.lost_connection() && host.house.bring_back().await => attempt().await,
        answer => answer,
    }
}

/// The code on a picture, decoded off the async threads.
pub async fn read_picture(picture_base64: String) -> Result<String, Error> {
    let field = "picture_base64";
    let bytes = STANDARD.decode(picture_base64.trim()).map_err(|_| Error::invalid(field, "not_base64"))?;
    let symbols = tokio::task::spawn_blocking(move || {
        let frame = decode::picture_from_bytes(&bytes, decode::PictureLimits::default())?;
        Ok(Cascade::new().read_picture(&frame))
    })
    .await
    .map_err(|error| Error::Internal(error.to_string()))?;
    let symbols = symbols.map_err(|error: decode::PictureError| Error::Invalid {
        field,
        code: "picture_unreadable",
        params: serde_json::json!({ "why": error.to_string() }),
    })?;
    symbols.into_iter().next().map(|symbol| symbol.text).ok_or(Error::invalid(field, "no_code_found"))
}
