//! The reader on real sources: files, cameras over HTTP, a serial line, and cameras that are not there.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::source::SourceError;
use crate::source::testing::{jpeg, y4m};

/// Longer than anything takes, even on a busy machine.
const LONG: Duration = Duration::from_secs(20);

struct Desk {
    reader: Reader,
    events: Receiver<Event>,
}

impl Desk {
    fn open(source: &str, settings: Settings) -> Self {
        let (tell, events) = mpsc::channel();
        let reader =
            Reader::start(source.parse().unwrap(), settings, move |event| tell.send(event).unwrap_or(()));
        Self { reader, events }
    }

    fn at(source: impl ToString) -> Self {
        Self::open(&source.to_string(), Settings::default())
    }

    fn next(&self) -> Event {
        self.events.recv_timeout(LONG).unwrap_or_else(|_| panic!("nothing after {:?}", self.reader.state()))
    }

    fn until(&self, wanted: impl Fn(&Event) -> bool) -> Event {
        let start = Instant::now();
        loop {
            let event = self.next();
            assert!(start.elapsed() < LONG, "{event:?} is not what was waited for");
            if wanted(&event) {
                return event;
            }
        }
    }

    fn until_state(&self, code: &str) -> CameraState {
        match self.until(|event| matches!(event, Event::State(state) if state.code() == code)) {
            Event::State(state) => state,
            Event::Seen(_) => unreachable!(),
        }
    }

    fn text(&self) -> String {
        match self.until(|event| matches!(event, Event::Seen(_))) {
            Event::Seen(seen) => seen.text,
            Event::State(_) => unreachable!(),
        }
    }

    fn problem(&self) -> String {
        match self.until_state("failed") {
            CameraState::Failed { problem } => problem.to_string(),
            other => panic!("{other:?}"),
        }
    }

    /// All texts until the source is over.
    fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            match self.next() {
                Event::Seen(seen) => texts.push(seen.text),
                Event::State(CameraState::Ended) => return texts,
                Event::State(_) => {}
            }
        }
    }

    fn stops_in_time(self) {
        let start = Instant::now();
        assert!(self.reader.stop(), "a thread was left behind");
        assert!(start.elapsed() < Duration::from_secs(1), "stopping took {:?}", start.elapsed());
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// A camera over HTTP that treats each connection as `serve` says. Gives its address.
fn camera(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for mut socket in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            thread::spawn(move || {
                let mut request = [0; 1024];
                let read = socket.read(&mut request).unwrap_or_default();
                assert!(request[..read].starts_with(b"GET /video HTTP/1.0\r\nHost: 127.0.0.1:"));
                serve(socket);
            });
        }
    });
    format!("http://{address}/video")
}

const HEAD: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n";

fn part(text: &str) -> Vec<u8> {
    let picture = jpeg(320, 240, text);
    let mut part =
        format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", picture.len())
            .into_bytes();
    part.extend(picture);
    part.extend(b"\r\n");
    part
}

/// Keeps a connection open until the other side closes it.
fn hang(mut socket: TcpStream) {
    let mut sink = [0; 64];
    while socket.read(&mut sink).is_ok_and(|read| read > 0) {}
}

#[test]
fn a_picture_of_a_card_is_read_once_and_stays_on_the_screen() {
    let folder = Folder::new();
    let desk = Desk::at(folder.with("card.jpg", &jpeg(640, 480, "GH0:ONE")).display());
    assert_eq!(desk.texts(), ["GH0:ONE"]);
    let frame = desk.reader.newest_frame().unwrap();
    let preview = image::load_from_memory(&frame.preview_jpeg()).unwrap();
    assert_eq!((preview.width(), preview.height()), (640, 480));
    desk.stops_in_time();
}

#[test]
fn a_folder_is_read_picture_by_picture_and_a_card_in_two_of_them_once() {
    let folder = Folder::new();
    for (name, text) in [("1.jpg", "GH0:ONE"), ("2.jpg", "GH0:ONE"), ("3.jpg", "GH0:TWO")] {
        folder.with(name, &jpeg(320, 240, text));
    }
    folder.with("0.png", b"not a picture");
    assert_eq!(Desk::at(folder.0.path().display()).texts(), ["GH0:ONE", "GH0:TWO"]);
}

#[test]
fn a_card_held_still_in_a_film_is_seen_once_and_again_when_it_comes_back() {
    let folder = Folder::new();
    // 100 frames a second: card, 3.2 seconds of empty wall, card.
    let wall = "";
    let frames: Vec<_> = [vec!["GH0:ONE"; 10], vec![wall; 320], vec!["GH0:ONE"; 2]].concat();
    let mut film = y4m(160, 120, &["GH0:ONE"]);
    let length = film.len();
    let card = film[film.iter().position(|b| *b == b'\n').unwrap() + 1..length].to_vec();
    let mut empty = card.clone();
    empty[6..].fill(128);
    film.truncate(length - card.len());
    for frame in frames {
        film.extend(if frame == wall { &empty } else { &card });
    }
    let desk = Desk::at(folder.with("film.y4m", &film).display());
    assert_eq!(desk.texts(), ["GH0:ONE", "GH0:ONE"]);
}

#[test]
fn an_mjpeg_film_is_read_to_its_end() {
    let folder = Folder::new();
    let film = [jpeg(320, 240, "GH0:ONE"), jpeg(320, 240, "GH0:TWO")].concat();
    assert_eq!(Desk::at(folder.with("film.mjpeg", &film).display()).texts(), ["GH0:ONE", "GH0:TWO"]);
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let (folder, empty) = (Folder::new(), Folder::new());
    for (source, words) in [
        ("/no/such/folder".into(), "there is no file or folder /no/such/folder"),
        (empty.0.path().display().to_string(), "holds no pictures"),
        (folder.with("note.png", b"hello").display().to_string(), "note.png is not a usable picture"),
        (folder.with("film.y4m", b"YUV4MPEG2 W0 H0\n").display().to_string(), "frames of 0 x 0 pixels"),
        (folder.with("film.mjpeg", b"hello").display().to_string(), "holds no JPEG picture"),
    ] {
        let desk = Desk::at(source);
        let problem = desk.problem();
        assert!(problem.contains(words), "{problem}");
        desk.stops_in_time();
    }
}

#[test]
fn while_paused_nothing_is_read_and_pictures_go_on() {
    let url = camera(|mut socket| {
        let _ = socket.write_all(HEAD);
        let card = part("GH0:ONE");
        while socket.write_all(&card).is_ok() {
            thread::sleep(Duration::from_millis(30));
        }
    });
    let desk = Desk::at(&url);
    desk.reader.pause();
    desk.until_state("paused");
    let before = desk.reader.newest_frame().map_or(Duration::ZERO, |frame| frame.at);
    while desk.events.try_recv().is_ok() {}
    let start = Instant::now();
    while desk.reader.newest_frame().is_none_or(|frame| frame.at <= before) {
        assert!(start.elapsed() < LONG, "the preview stands still");
        thread::sleep(Duration::from_millis(5));
    }
    assert!(!desk.reader.newest_frame().unwrap().photo_jpeg().is_empty());
    assert_eq!(desk.events.try_recv(), Err(mpsc::TryRecvError::Empty));
    desk.reader.resume();
    desk.until_state("reading");
    desk.stops_in_time();
}

#[test]
fn another_source_can_be_chosen_at_any_time() {
    let folder = Folder::new();
    let desk = Desk::at(camera(|socket| {
        let mut ours = socket.try_clone().unwrap();
        let _ = ours.write_all(&[HEAD, &part("GH0:HTTP")].concat());
        hang(socket);
    }));
    assert_eq!(desk.text(), "GH0:HTTP");
    let path = folder.with("card.jpg", &jpeg(320, 240, "GH0:FILE"));
    for _ in 0..3 {
        desk.reader.choose(Source::Path(path.clone()));
        assert_eq!(desk.text(), "GH0:FILE");
    }
    desk.reader.choose(Source::Path("/no/such/file".into()));
    desk.until_state("failed");
    assert_eq!(desk.reader.newest_frame(), None);
    desk.stops_in_time();
}

#[test]
fn a_camera_over_http_is_read_and_followed_through_a_broken_connection() {
    let visits = std::sync::atomic::AtomicU32::new(0);
    let desk = Desk::at(camera(move |mut socket| {
        let visit = visits.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let _ = socket.write_all(&[HEAD, &part(&format!("GH0:VISIT {visit}"))].concat());
        if visit > 0 {
            hang(socket);
        }
    }));
    assert_eq!(desk.text(), "GH0:VISIT 0");
    assert!(desk.problem().contains("ended the connection"));
    assert_eq!(desk.text(), "GH0:VISIT 1");
    desk.stops_in_time();
}

#[test]
fn a_camera_over_http_that_misbehaves_is_described() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let answer = |bytes: &'static [u8]| {
        camera(move |mut socket| {
            let _ = socket.write_all(bytes);
        })
    };
    for (url, words) in [
        (format!("http://{nobody}/video"), "nobody answers there"),
        ("http://no-such-host.invalid/video".into(), "its host is unknown"),
        (answer(b"HTTP/1.0 404 Not Found\r\n\r\n"), "it answers 404 Not Found"),
        (
            answer(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>"),
            "it sends \"text/html\" instead",
        ),
        (answer(b"\x00\x01\x02 this is not HTTP\r\n\r\n"), "its answer is not HTTP"),
        (answer(b""), "closed the connection without an answer"),
        (answer(HEAD), "it has sent no picture"),
        (
            camera(|mut socket| {
                let _ = socket.write_all(b"HTTP/1.0 200 OK\r\n");
                while socket.write_all(&[b'x'; 4096]).is_ok() {}
            }),
            "its answer",
        ),
        (
            camera(|mut socket| {
                let _ = socket.write_all(HEAD);
                while socket.write_all(&[0xFF, 0xD8, 0xFF, 0x00, 0x55].repeat(1000)).is_ok() {}
            }),
            "is no JPEG picture",
        ),
    ] {
        let desk = Desk::at(&url);
        let problem = desk.problem();
        assert!(problem.contains(words), "{problem} should say {words}");
        desk.stops_in_time();
    }
}

#[test]
fn a_camera_over_http_that_falls_silent_is_frozen_and_tried_again() {
    let half = part("GH0:HALF");
    let half = half[..half.len() / 2].to_vec();
    for beginning in [Vec::new(), HEAD.to_vec(), [HEAD, &half].concat(), [HEAD, &part("GH0:ONE")].concat()] {
        let visits = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let url = camera({
            let visits = visits.clone();
            move |mut socket| {
                visits.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let _ = socket.write_all(&beginning);
                hang(socket);
            }
        });
        let settings = Settings { frozen_after: Duration::from_millis(300), ..Settings::default() };
        let desk = Desk::open(&url, settings);
        desk.until_state("frozen");
        let start = Instant::now();
        while visits.load(std::sync::atomic::Ordering::SeqCst) < 2 {
            assert!(start.elapsed() < LONG, "it was not tried again");
            thread::sleep(Duration::from_millis(10));
        }
        desk.stops_in_time();
    }
}

#[test]
fn a_camera_over_http_that_never_answers_is_stopped_in_time() {
    let desk = Desk::at(camera(hang));
    thread::sleep(Duration::from_millis(50));
    desk.stops_in_time();
}

#[test]
fn a_camera_that_is_not_there_says_so_and_is_waited_for() {
    let desk = Desk::at("camera:987");
    assert_eq!(desk.until_state("no_camera"), CameraState::NoCamera);
    assert!(desk.reader.newest_frame().is_none());
    desk.stops_in_time();
}

#[cfg(unix)]
mod serial {
    use super::*;
    use serialport::{SerialPort, TTYPort};

    #[test]
    fn a_serial_scanner_is_read_until_it_is_unplugged() {
        let (mut scanner, port) = TTYPort::pair().unwrap();
        let path = port.name().unwrap();
        // The reader opens the port by itself, and alone.
        drop(port);
        let desk = Desk::at(format!("serial:{path}@115200"));
        desk.until_state("reading");
        for text in ["GYM-123\r\n", "GYM-123\r\n", "\x02GYM-456\x03", "no end"] {
            scanner.write_all(text.as_bytes()).unwrap();
        }
        assert_eq!([desk.text(), desk.text(), desk.text()], ["GYM-123", "GYM-456", "no end"]);
        drop(scanner);
        desk.until_state("unplugged");
        desk.stops_in_time();
    }

    #[test]
    fn a_serial_scanner_that_is_not_there_says_so() {
        let desk = Desk::at("serial:/dev/ttyNONE9");
        assert!(desk.problem().contains("there is no such device"));
        desk.stops_in_time();
    }
}

#[test]
fn a_problem_names_what_to_look_at() {
    let problem = SourceError::Http { url: "http://h/x".into(), why: "it answers 404 Not Found".into() };
    assert_eq!(
        CameraState::Failed { problem }.to_string(),
        "Reading is not possible: http://h/x delivers no picture: it answers 404 Not Found."
    );
}
