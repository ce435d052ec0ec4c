//! Requests and answers about the desk's scanner.
use crate::lan::wire::DeskLink;
use crate::printers::PrinterSettings;
use gatehouse_core::checkin::wire::Verdict;
use gatehouse_core::ids::ScanId;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Something happened at this desk.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DeskEvent {
    /// The scanner read a pass.
    Verdict {
        verdict: Box<Verdict>,
    },
    Camera {
        camera: CameraView,
    },
    /// Entries, exits or undos: load the feed again.
    FeedChanged,
    /// The branch machine has gone, or has come back.
    Link {
        link: DeskLink,
    },
    /// Branch and headquarters: ask for the status again.
    SyncChanged,
}

#[derive(Debug, Deserialize, TS)]
pub struct DeskWait {
    /// The `seq` of the last answer; none at first.
    pub after: Option<u64>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct DeskNews {
    pub seq: u64,
    pub events: Vec<DeskEvent>,
    /// True when events were lost on the way (first call, a long absence, a restart): load everything again.
    pub missed: bool,
}

/// How the scanner is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct CameraView {
    /// `none` (no source chosen), `starting`, `reading`, `no_camera`, `busy`, `unplugged`, `frozen`, `too_dark`,
    /// `too_bright`, `blurred`, `denied`, `ended`, `paused`, `failed`.
    pub state: String,
    /// For `failed`: why, in plain English.
    pub detail: Option<String>,
    /// As `--source` takes it.
    pub source: Option<String>,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct DeskSources {
    pub cameras: Vec<CameraRow>,
    pub camera: CameraView,
}

#[derive(Clone, Debug, Serialize, TS)]
pub struct CameraRow {
    /// `camera:N`
    pub source: String,
    pub name: String,
}

#[derive(Debug, Deserialize, TS)]
pub struct ChooseSource {
    /// `camera:N`, `http://…` or `serial:…`; none to scan nothing.
    pub source: Option<String>,
}

/// The newest picture of the scanner.
#[derive(Clone, Debug, Serialize, TS)]
pub struct DeskFrame {
    /// None before the first frame.
    pub jpeg_base64: Option<String>,
    pub camera: CameraView,
    /// None before the first frame.
    pub light: Option<LightView>,
}

/// Light and sharpness of a picture in figures, with what is wanted of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct LightView {
    /// Grey value (0 black, 255 white) of the darkest twentieth; wanted at most `bright_above`.
    pub darkest: u8,
    /// Grey value of the brightest twentieth; wanted at least `dark_below`.
    pub brightest: u8,
    /// Percent, wanted at least `sharp_from`; none where there is no edge to judge by.
    pub sharpness: Option<u8>,
    pub dark_below: u8,
    pub bright_above: u8,
    pub sharp_from: u8,
}

#[derive(Debug, Deserialize, TS)]
pub struct ReadPicture {
    /// Nonce of the scan this becomes.
    pub scan_id: ScanId,
    /// PNG, JPEG, GIF or WebP by content.
    pub picture_base64: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PrinterChoice {
    /// None where this desk has none.
    pub printer: Option<PrinterSettings>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ReceiptPrinted {
    /// True when the paper says that it is a copy.
    pub is_copy: bool,
}
