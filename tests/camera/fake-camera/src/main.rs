//! A USB webcam for tests, made of software alone.
//!
//! It speaks USB/IP over a socket whose other end it gives to the kernel's `vhci_hcd`; the kernel's own `uvcvideo`
//! then finds a webcam and makes `/dev/video0`. So what is tested is the whole way that a real webcam's frames take.
//! It needs root and a kernel of its own: it runs in the virtual machine of `tests/camera/vm`.

mod camera;
mod descriptors;
mod scene;
mod usbip;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use qrcode::QrCode;

use crate::camera::Camera;
use crate::descriptors::Mode;
use crate::scene::Shown;

/// A USB webcam with a card before its lens.
#[derive(Debug, Parser)]
struct Args {
    /// What the QR code says
    #[arg(long, default_value = "FAKE CAMERA")]
    text: String,

    /// A picture of the card that it sees, instead of a card with that code
    #[arg(long, conflicts_with = "text")]
    picture: Option<PathBuf>,

    /// What the camera is called
    #[arg(long, default_value = "Fake Camera")]
    name: String,

    /// Formats and sizes it offers, FOURCC:WIDTHxHEIGHT, several with commas; YUYV, GREY and MJPG are known
    #[arg(long, value_delimiter = ',', default_values = ["YUYV:640x480"])]
    modes: Vec<Mode>,

    /// Time between two frames that it offers, in units of 100 ns: 333667 are 29.97 frames a second
    #[arg(long, default_value_t = 1_000_000)]
    interval: u32,

    /// It is pulled out after so many frames
    #[arg(long)]
    unplug_after: Option<u64>,

    /// It falls silent after so many frames, and stays plugged in
    #[arg(long)]
    freeze_after: Option<u64>,

    /// Every second frame breaks off
    #[arg(long)]
    truncate: bool,

    /// It shows the light and sharpness of a bad place: dark or blurred
    #[arg(long, value_enum, default_value_t = scene::Place::Good)]
    place: scene::Place,
}

impl Args {
    fn shown(&self) -> Result<Shown, String> {
        match &self.picture {
            Some(file) => image::open(file)
                .map(|picture| Shown::Picture(picture.into_luma8()))
                .map_err(|error| format!("{}: {error}", file.display())),
            None => QrCode::new(&self.text)
                .map(Shown::Code)
                .map_err(|error| format!("the text fits no QR code: {error}")),
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    match Camera::plug_in(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fake-camera: {error}");
            ExitCode::FAILURE
        }
    }
}
