//! `gatehousectl scan`: what the scanner reads, without a desk around it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use gatehouse_scan::source::{Kind, each_frame, kind_of, pictures_in, read_picture_file};
use gatehouse_scan::{CameraState, Cascade, Event, Reader, Settings, Source, SourceError, cameras};
use serde::Serialize;

/// Reads codes from a picture, a folder of pictures, a film, a webcam, a camera over HTTP or a serial scanner.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct ScanArgs {
    /// Where to read: a file, a folder, camera:N, http://…, serial:PORT or serial:PORT@BAUD
    #[arg(long, required_unless_present = "list")]
    source: Option<String>,

    /// List the webcams of this machine and end
    #[arg(long, exclusive = true)]
    list: bool,

    /// End with the first code that is read
    #[arg(long)]
    once: bool,

    /// One JSON line for each picture, or for each code of a film or camera: {"file","texts":[…],"ms"}. Without it,
    /// the texts alone
    #[arg(long)]
    json: bool,

    /// End after so many seconds; 0 is never. A camera with --once ends after 60 unless this says otherwise
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,

    /// Go on when a camera is missing, busy, unplugged or frozen, as the desk does, instead of ending
    #[arg(long)]
    wait: bool,

    /// A camera without a frame for so many seconds is frozen
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    frozen_after: u64,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  something was read
  1  nothing was read
  2  the command line is wrong
  3  there is no such camera
  4  another program uses the camera
  5  the camera was unplugged
  6  the camera is frozen
  7  the system does not allow the use of the camera
  8  the source cannot be read";

/// How a scan ends; the exit codes of `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Outcome {
    Read = 0,
    Nothing = 1,
    Usage = 2,
    NoCamera = 3,
    Busy = 4,
    Unplugged = 5,
    Frozen = 6,
    Denied = 7,
    Failed = 8,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome as u8)
    }
}

/// How long `--once` waits for a code before a camera.
const ONCE: Duration = Duration::from_mins(1);

/// Runs the command.
pub fn run(args: &ScanArgs) -> ExitCode {
    if args.list {
        return list().into();
    }
    let source = match args.source.as_deref().unwrap_or_default().parse::<Source>() {
        Ok(source) => source,
        Err(error) => {
            complain(&error);
            return Outcome::Usage.into();
        }
    };
    let print = Printer { json: args.json };
    let outcome = match &source {
        Source::Path(path) => match kind_of(path) {
            Ok(Kind::Picture) => pictures(std::slice::from_ref(path), args.once, print),
            Ok(Kind::Folder) => match pictures_in(path) {
                Ok(found) => pictures(&found, args.once, print),
                Err(error) => failed(&error),
            },
            Ok(Kind::Y4m | Kind::Mjpeg) => film(path, args.once, print),
            Err(error) => failed(&error),
        },
        _ => live(source, args, print),
    };
    outcome.into()
}

fn complain(what: &impl std::fmt::Display) {
    eprintln!("gatehousectl scan: {what}");
}

fn failed(error: &SourceError) -> Outcome {
    complain(error);
    Outcome::Failed
}

fn list() -> Outcome {
    let cameras = cameras();
    if cameras.is_empty() {
        complain(&CameraState::NoCamera);
        return Outcome::NoCamera;
    }
    for camera in cameras {
        println!("camera:{}\t{}", camera.index, camera.name);
    }
    Outcome::Read
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    texts: &'a [String],
    /// Milliseconds: for a picture, to open and read it; for a film or camera, since it was opened.
    ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Clone, Copy)]
struct Printer {
    json: bool,
}

impl Printer {
    /// Says whether anyone still listens.
    fn line(self, file: &str, texts: &[String], time: Duration, error: Option<&SourceError>) -> bool {
        let mut out = io::stdout().lock();
        let written = if self.json {
            let ms = (time.as_secs_f64() * 10_000.0).round() / 10.0;
            let line = Line { file, texts, ms, error: error.map(ToString::to_string) };
            serde_json::to_writer(&mut out, &line).map_err(Into::into).and_then(|()| writeln!(out))
        } else {
            texts.iter().try_for_each(|text| writeln!(out, "{text}"))
        };
        written.and_then(|()| out.flush()).is_ok()
    }
}

/// One line for each picture. One that cannot be read counts as read nothing, unless it is the only one.
fn pictures(files: &[PathBuf], once: bool, print: Printer) -> Outcome {
    let (mut outcome, mut usable) = (Outcome::Nothing, false);
    for file in files {
        let start = Instant::now();
        let (texts, error) = match read_picture_file(file) {
            Ok(frame) => {
                usable = true;
                // Each picture stands alone.
                (distinct(Cascade::new().read_picture(&frame).into_iter().map(|symbol| symbol.text)), None)
            }
            Err(error) => {
                complain(&error);
                (Vec::new(), Some(error))
            }
        };
        if !print.line(&file.to_string_lossy(), &texts, start.elapsed(), error.as_ref()) {
            break;
        }
        if !texts.is_empty() {
            outcome = Outcome::Read;
            if once {
                break;
            }
        }
    }
    if usable { outcome } else { Outcome::Failed }
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut distinct = Vec::new();
    for text in texts {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }
    distinct
}

/// One line for each code of a film, where it is first read; as fast as the film can be read.
fn film(path: &Path, once: bool, print: Printer) -> Outcome {
    let start = Instant::now();
    let mut cascade = Cascade::new();
    let mut known = Vec::new();
    let name = path.to_string_lossy();
    let result = each_frame(path, |frame| {
        let found = cascade.read(&frame.luma).into_iter().map(|symbol| symbol.text);
        let new: Vec<_> = distinct(found).into_iter().filter(|text| !known.contains(text)).collect();
        if new.is_empty() {
            return true;
        }
        let heard = print.line(&name, &new, start.elapsed(), None);
        known.extend(new);
        heard && !once
    });
    if known.is_empty() {
        print.line(&name, &[], start.elapsed(), result.as_ref().err());
    }
    match result {
        Err(error) => failed(&error),
        Ok(()) if known.is_empty() => Outcome::Nothing,
        Ok(()) => Outcome::Read,
    }
}

/// One line for each code that comes into view, until something ends it.
fn live(source: Source, args: &ScanArgs, print: Printer) -> Outcome {
    let limit = match args.timeout {
        Some(0) => None,
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => args.once.then_some(ONCE),
    };
    let name = source.to_string();
    let settings = Settings { frozen_after: Duration::from_secs(args.frozen_after), ..Settings::default() };
    let start = Instant::now();
    let (tell, events) = mpsc::channel();
    let reader = Reader::start(source, settings, move |event| tell.send(event).unwrap_or(()));
    let mut read = false;
    let trouble = loop {
        let event = match limit {
            None => events.recv().ok(),
            Some(limit) => events.recv_timeout(limit.saturating_sub(start.elapsed())).ok(),
        };
        match event {
            None => break None,
            Some(Event::Seen(seen)) => {
                read = true;
                if !print.line(&name, &[seen.text], start.elapsed(), None) || args.once {
                    break None;
                }
            }
            Some(Event::State(state)) => {
                let outcome = outcome(&state);
                if outcome.is_some() || !matches!(state, CameraState::Starting | CameraState::Reading) {
                    complain(&state);
                }
                if outcome.is_some() && !args.wait {
                    break outcome;
                }
            }
        }
    };
    if !read {
        print.line(&name, &[], start.elapsed(), None);
    }
    reader.stop();
    trouble.unwrap_or(if read { Outcome::Read } else { Outcome::Nothing })
}

/// What a state means for the exit code; `None` if reading goes on.
fn outcome(state: &CameraState) -> Option<Outcome> {
    match state {
        CameraState::NoCamera => Some(Outcome::NoCamera),
        CameraState::Busy => Some(Outcome::Busy),
        CameraState::Unplugged => Some(Outcome::Unplugged),
        CameraState::Frozen => Some(Outcome::Frozen),
        CameraState::Denied => Some(Outcome::Denied),
        CameraState::Failed { .. } => Some(Outcome::Failed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatehouse_scan::source::FORMS;

    #[test]
    fn the_help_names_every_exit_code() {
        for code in [
            Outcome::Read,
            Outcome::Nothing,
            Outcome::Usage,
            Outcome::NoCamera,
            Outcome::Busy,
            Outcome::Unplugged,
            Outcome::Frozen,
            Outcome::Denied,
            Outcome::Failed,
        ] {
            assert!(EXIT_CODES.contains(&format!("\n  {}  ", code as u8)), "{code:?}");
        }
    }

    #[test]
    fn the_help_names_every_form_of_a_source() {
        use clap::Args;
        let help = ScanArgs::augment_args(clap::Command::new("scan")).render_long_help().to_string();
        assert!(help.contains(FORMS), "{help}");
    }
}
