//! `gatehousectl scan`: what the scanner reads, without a desk around it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use gatehouse_scan::source::{Kind, each_frame, kind_of, pictures_in, read_picture_file};
use gatehouse_scan::{CameraState, Cascade, Event, Reader, Settings, Source, cameras};
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
    scan(args, &mut Terminal { out: io::stdout().lock(), complaints: io::stderr(), json: args.json }).into()
}

fn scan(args: &ScanArgs, terminal: &mut Terminal<impl Write, impl Write>) -> Outcome {
    if args.list {
        return list(terminal);
    }
    let source = match args.source.as_deref().unwrap_or_default().parse::<Source>() {
        Ok(source) => source,
        Err(error) => {
            terminal.complain(&error);
            return Outcome::Usage;
        }
    };
    let Source::Path(path) = &source else { return live(source, args, terminal) };
    let start = Instant::now();
    let found = match kind_of(path) {
        Ok(Kind::Picture) => Ok(vec![path.clone()]),
        Ok(Kind::Folder) => pictures_in(path),
        Ok(Kind::Y4m | Kind::Mjpeg) => return film(path, args.once, terminal),
        Err(error) => Err(error),
    };
    match found {
        Ok(files) => pictures(&files, args.once, terminal),
        Err(error) => {
            terminal.complain(&error);
            terminal.line(&path.to_string_lossy(), &[], start.elapsed(), Some(error.to_string()));
            Outcome::Failed
        }
    }
}

/// Where lines and complaints go.
struct Terminal<O, C> {
    out: O,
    complaints: C,
    json: bool,
}

impl<O: Write, C: Write> Terminal<O, C> {
    fn complain(&mut self, what: &impl std::fmt::Display) {
        // Where nobody reads complaints, none are missed.
        drop(writeln!(self.complaints, "gatehousectl scan: {what}"));
    }

    /// Says whether anyone still listens.
    fn line(&mut self, file: &str, texts: &[String], time: Duration, error: Option<String>) -> bool {
        let out = &mut self.out;
        let written = if self.json {
            let ms = (time.as_secs_f64() * 10_000.0).round() / 10.0;
            let line = Line { file, texts, ms, error };
            serde_json::to_writer(&mut *out, &line).map_err(Into::into).and_then(|()| writeln!(out))
        } else {
            texts.iter().try_for_each(|text| writeln!(out, "{text}"))
        };
        written.and_then(|()| out.flush()).is_ok()
    }
}

fn list(terminal: &mut Terminal<impl Write, impl Write>) -> Outcome {
    let cameras = cameras();
    if cameras.is_empty() {
        terminal.complain(&CameraState::NoCamera);
        return Outcome::NoCamera;
    }
    for camera in cameras {
        drop(writeln!(terminal.out, "camera:{}\t{}", camera.index, camera.name));
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

/// One line for each picture. One that cannot be read counts as read nothing, unless it is the only one.
fn pictures(files: &[PathBuf], once: bool, terminal: &mut Terminal<impl Write, impl Write>) -> Outcome {
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
                terminal.complain(&error);
                (Vec::new(), Some(error.to_string()))
            }
        };
        if !terminal.line(&file.to_string_lossy(), &texts, start.elapsed(), error) {
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
fn film(path: &Path, once: bool, terminal: &mut Terminal<impl Write, impl Write>) -> Outcome {
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
        let heard = terminal.line(&name, &new, start.elapsed(), None);
        known.extend(new);
        heard && !once
    });
    if known.is_empty() {
        terminal.line(&name, &[], start.elapsed(), result.as_ref().err().map(ToString::to_string));
    }
    match result {
        Err(error) => {
            terminal.complain(&error);
            Outcome::Failed
        }
        Ok(()) if known.is_empty() => Outcome::Nothing,
        Ok(()) => Outcome::Read,
    }
}

/// One line for each code that comes into view, until something ends it.
fn live(source: Source, args: &ScanArgs, terminal: &mut Terminal<impl Write, impl Write>) -> Outcome {
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
                if !terminal.line(&name, &[seen.text], start.elapsed(), None) || args.once {
                    break None;
                }
            }
            Some(Event::State(state)) => {
                let outcome = outcome(&state);
                if outcome.is_some() || !matches!(state, CameraState::Starting | CameraState::Reading) {
                    terminal.complain(&state);
                }
                if let (Some(outcome), false) = (outcome, args.wait) {
                    break Some((outcome, state));
                }
            }
        }
    };
    if !read {
        let state = trouble.as_ref().map(|(_, state)| state.to_string());
        terminal.line(&name, &[], start.elapsed(), state);
    }
    reader.stop();
    let plain = if read { Outcome::Read } else { Outcome::Nothing };
    trouble.map_or(plain, |(outcome, _)| outcome)
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

    use clap::{Args, FromArgMatches};
    use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
    use std::fs;
    use tempfile::TempDir;

    /// What a run with these options printed, complained about, and ended with.
    fn run_with(options: &[&str]) -> (Vec<serde_json::Value>, String, Outcome) {
        let command = ScanArgs::augment_args(clap::Command::new("scan").no_binary_name(true));
        let matches = command.try_get_matches_from(options).unwrap();
        let args = ScanArgs::from_arg_matches(&matches).unwrap();
        let mut terminal = Terminal { out: Vec::new(), complaints: Vec::new(), json: args.json };
        let outcome = scan(&args, &mut terminal);
        let out = String::from_utf8(terminal.out).unwrap();
        let lines = out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into()));
        (lines.collect(), String::from_utf8(terminal.complaints).unwrap(), outcome)
    }

    /// A card of 240 by 240 pixels; without a text an empty one.
    fn card(text: Option<&str>) -> Vec<u8> {
        let mut pixels = vec![230; 240 * 240];
        if let Some(text) = text {
            let code = qrcode::QrCode::new(text).unwrap();
            let (colours, side) = (code.to_colors(), code.width());
            let module = 200 / side;
            for (place, pixel) in pixels.iter_mut().enumerate() {
                let (column, row) =
                    ((place % 240).wrapping_sub(20) / module, (place / 240).wrapping_sub(20) / module);
                if column < side && row < side && colours[row * side + column] == qrcode::Color::Dark {
                    *pixel = 20;
                }
            }
        }
        pixels
    }

    fn picture(folder: &TempDir, name: &str, text: Option<&str>) -> String {
        let path = folder.path().join(name);
        let file = fs::File::create(&path).unwrap();
        PngEncoder::new(file).write_image(&card(text), 240, 240, ExtendedColorType::L8).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn film(folder: &TempDir, name: &str, texts: &[Option<&str>]) -> String {
        let mut film = b"YUV4MPEG2 W240 H240 F30:1 Cmono\n".to_vec();
        for text in texts {
            film.extend(b"FRAME\n");
            film.extend(card(*text));
        }
        let path = folder.path().join(name);
        fs::write(&path, film).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_picture_is_one_line_with_its_texts_and_its_time() {
        let folder = TempDir::new().unwrap();
        let file = picture(&folder, "card.png", Some("GH0:ONE"));
        let (lines, complaints, outcome) = run_with(&["--source", &file, "--json"]);
        assert_eq!((complaints.as_str(), outcome), ("", Outcome::Read));
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((&line["file"], &line["texts"]), (&file.as_str().into(), &serde_json::json!(["GH0:ONE"])));
        assert!(line["ms"].as_f64().unwrap() > 0.0);
        assert_eq!(line.as_object().unwrap().len(), 3);
    }

    #[test]
    fn a_picture_without_a_code_is_a_line_without_texts() {
        let folder = TempDir::new().unwrap();
        let file = picture(&folder, "wall.png", None);
        let (lines, _, outcome) = run_with(&["--source", &file, "--json"]);
        assert_eq!(outcome, Outcome::Nothing);
        assert_eq!(lines[0]["texts"], serde_json::json!([]));
    }

    #[test]
    fn a_folder_is_a_line_for_each_picture_with_the_reason_why_one_cannot_be_read() {
        let folder = TempDir::new().unwrap();
        picture(&folder, "1.png", Some("GH0:ONE"));
        fs::write(folder.path().join("2.png"), "this is no picture").unwrap();
        picture(&folder, "3.png", Some("GH0:THREE"));
        let source = folder.path().to_str().unwrap();
        let (lines, complaints, outcome) = run_with(&["--source", source, "--json"]);
        assert_eq!((lines.len(), outcome), (3, Outcome::Read));
        assert!(lines[1]["error"].as_str().unwrap().contains("2.png is not a usable picture"));
        assert!(complaints.contains("2.png is not a usable picture"));
        let (lines, _, outcome) = run_with(&["--source", source, "--once"]);
        assert_eq!((lines, outcome), (vec!["GH0:ONE".into()], Outcome::Read));
    }

    #[test]
    fn a_film_is_a_line_for_each_code_where_it_is_first_read() {
        let folder = TempDir::new().unwrap();
        let frames = [None, Some("GH0:ONE"), Some("GH0:ONE"), Some("GH0:TWO"), Some("GH0:ONE")];
        let file = film(&folder, "film.y4m", &frames);
        assert_eq!(run_with(&["--source", &file]).0, ["GH0:ONE", "GH0:TWO"]);
        assert_eq!(run_with(&["--source", &file, "--once"]).0, ["GH0:ONE"]);
        let empty = film(&folder, "empty.y4m", &[None, None]);
        let (lines, _, outcome) = run_with(&["--source", &empty, "--json"]);
        assert_eq!((lines.len(), &lines[0]["texts"], outcome), (1, &serde_json::json!([]), Outcome::Nothing));
    }

    #[test]
    fn every_trouble_has_its_sentence_and_its_code() {
        let folder = TempDir::new().unwrap();
        let write = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        for (source, words, wanted) in [
            ("camera:front".to_owned(), "is not the number of a camera", Outcome::Usage),
            ("rtsp://camera/1".to_owned(), "rtsp:// cannot be read", Outcome::Usage),
            ("/no/such/folder".to_owned(), "there is no file or folder", Outcome::Failed),
            (write("note.png", "hello"), "is not a usable picture", Outcome::Failed),
            (write("film.y4m", "YUV4MPEG2 W4 H4 Cmono\nFRAME\nxx"), "breaks off", Outcome::Failed),
            (write("film.mjpeg", "hello"), "holds no JPEG picture", Outcome::Failed),
            ("camera:987".to_owned(), "No such camera", Outcome::NoCamera),
            ("serial:/dev/ttyNONE".to_owned(), "there is no such device", Outcome::Failed),
            ("http://127.0.0.1:1/".to_owned(), "nobody answers there", Outcome::Failed),
        ] {
            let (lines, complaints, outcome) = run_with(&["--source", &source, "--once", "--json"]);
            assert_eq!(outcome, wanted, "{source}");
            assert!(complaints.contains(words), "{complaints} should say {words}");
            // A program that reads the lines gets one, unless it asked for something that does not exist.
            let told: Vec<_> = lines.iter().map(|line| (&line["file"], &line["texts"])).collect();
            if wanted == Outcome::Usage {
                assert_eq!(told, []);
            } else {
                assert_eq!(told, [(&source.as_str().into(), &serde_json::json!([]))]);
                assert!(lines[0]["error"].as_str().unwrap().contains(words), "{lines:?}");
            }
        }
    }

    #[test]
    fn who_waits_for_a_camera_waits_no_longer_than_allowed() {
        let (lines, complaints, outcome) =
            run_with(&["--source", "camera:987", "--wait", "--timeout", "1", "--json"]);
        assert_eq!((lines.len(), outcome), (1, Outcome::Nothing));
        assert!(complaints.contains("No such camera"));
    }

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
        let help = ScanArgs::augment_args(clap::Command::new("scan")).render_long_help().to_string();
        assert!(help.contains(FORMS), "{help}");
    }
}
