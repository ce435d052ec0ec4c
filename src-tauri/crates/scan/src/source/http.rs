//! Cameras that answer an HTTP request with picture after picture.
//!
//! The request is HTTP/1.0, which every such camera speaks and which rules out chunked bodies, over a plain socket,
//! so that each read has a time limit: a camera that falls silent is noticed and a stop never waits for it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::error::SourceError;
use super::frame::{Colour, Frame};
use super::jpegs::JpegSplitter;
use super::outlet::Outlet;
use super::pixels;
use crate::camera::CameraState;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long the head of the answer may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a read waits before it looks whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(200);
/// How long to wait before the next attempt.
const RETRY: Duration = Duration::from_secs(2);
/// Longest head of an answer in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// Reads a camera over HTTP; connects again whenever it breaks off.
pub(super) fn run(url: &str, outlet: &Outlet) {
    outlet.state(CameraState::Starting);
    while !outlet.closed() {
        match watch(url, outlet) {
            End::Frozen => outlet.state(CameraState::Frozen),
            End::Fault(why) => {
                let problem = SourceError::Http { url: url.into(), why };
                outlet.state(CameraState::Failed { problem });
            }
        }
        outlet.sleep(RETRY);
    }
}

/// Why a camera is no longer watched.
enum End {
    /// The reader found it silent for too long, or is done with it.
    Frozen,
    Fault(String),
}

impl From<String> for End {
    fn from(why: String) -> Self {
        Self::Fault(why)
    }
}

fn watch(url: &str, outlet: &Outlet) -> End {
    match stream(url, outlet) {
        Ok(never) => match never {},
        Err(end) => end,
    }
}

fn stream(url: &str, outlet: &Outlet) -> Result<std::convert::Infallible, End> {
    let mut socket = request(url)?;
    let mut splitter = JpegSplitter::new();
    let rest = answer(&mut socket, outlet)?;
    let mut shown = false;
    let mut given = deliver(&mut splitter, &rest, outlet, &mut shown);
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let read = read(&mut socket, &mut chunk, outlet, None)?;
        if read == 0 {
            let why = if shown { "it has ended the connection" } else { "it has sent no picture" };
            return Err(End::Fault(why.into()));
        }
        given += deliver(&mut splitter, &chunk[..read], outlet, &mut shown);
        if given == 0 && splitter.given_up() > 0 {
            return Err(End::Fault("what it sends is no JPEG picture".into()));
        }
    }
}

/// Hands over the pictures that these bytes complete; returns their number.
fn deliver(splitter: &mut JpegSplitter, bytes: &[u8], outlet: &Outlet, shown: &mut bool) -> usize {
    let pictures = splitter.push(bytes);
    let mut good = 0;
    for picture in pictures {
        match pixels::jpeg_luma(&picture) {
            Ok(luma) => {
                good += 1;
                if !std::mem::replace(shown, true) {
                    outlet.state(CameraState::Reading);
                }
                outlet.show(Frame {
                    luma,
                    at: outlet.elapsed(),
                    still: false,
                    colour: Colour::Jpeg(picture),
                });
            }
            Err(error) => tracing::debug!(%error, "a picture of a camera is skipped"),
        }
    }
    good
}

fn request(url: &str) -> Result<TcpStream, String> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = path.split('#').next().unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    if rest.chars().any(|c| c.is_control() || c == ' ') || authority.contains('@') {
        return Err("the address holds characters that do not belong there".into());
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let with_port = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    let addresses = with_port.to_socket_addrs().map_err(|error| format!("its host is unknown ({error})"))?;
    let mut last = "its host has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(mut socket) => {
                let head = format!("GET {slash}{path} HTTP/1.0\r\nHost: {authority}\r\nAccept: */*\r\n\r\n");
                let sent = socket
                    .set_read_timeout(Some(GLANCE))
                    .and_then(|()| socket.set_write_timeout(Some(CONNECT)))
                    .and_then(|()| socket.write_all(head.as_bytes()));
                return sent.map(|()| socket).map_err(|error| error.to_string());
            }
            Err(error) => last = format!("nobody answers there ({error})"),
        }
    }
    Err(last)
}

/// Reads the head of the answer, checks it, and returns what came behind it.
fn answer(socket: &mut TcpStream, outlet: &Outlet) -> Result<Vec<u8>, End> {
    let until = Instant::now() + ANSWER;
    let mut held = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let read = read(socket, &mut chunk, outlet, Some(until))?;
        if read == 0 {
            return Err(End::Fault("it has closed the connection without an answer".into()));
        }
        held.extend_from_slice(&chunk[..read]);
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&held) {
            Ok(httparse::Status::Complete(length)) => {
                check(&response)?;
                return Ok(held.split_off(length));
            }
            Ok(httparse::Status::Partial) if held.len() < MAX_HEAD => {}
            Ok(httparse::Status::Partial) => {
                return Err(End::Fault("its answer has no end of its head".into()));
            }
            Err(_) => return Err(End::Fault("its answer is not HTTP".into())),
        }
    }
}

fn check(response: &httparse::Response<'_, '_>) -> Result<(), String> {
    let status = response.code.unwrap_or_default();
    if status != 200 {
        return Err(format!("it answers {status} {}", response.reason.unwrap_or_default()).trim_end().into());
    }
    let kind = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-type"));
    let kind = kind.map(|header| String::from_utf8_lossy(header.value)).unwrap_or_default();
    if kind.trim_start().to_ascii_lowercase().starts_with("multipart/x-mixed-replace") {
        Ok(())
    } else {
        Err(format!("it sends {kind:?} instead of a picture stream (multipart/x-mixed-replace)"))
    }
}

/// Reads what is there. Looks up at every [`GLANCE`] whether the source is still wanted and the time not over.
fn read(
    socket: &mut TcpStream,
    into: &mut [u8],
    outlet: &Outlet,
    until: Option<Instant>,
) -> Result<usize, End> {
    loop {
        if outlet.interrupted() {
            return Err(End::Frozen);
        }
        if until.is_some_and(|until| Instant::now() > until) {
            return Err(End::Fault("it does not answer".into()));
        }
        match socket.read(into) {
            Ok(read) => return Ok(read),
            Err(error) if waits(&error) => {}
            Err(error) => return Err(End::Fault(format!("the connection broke off ({error})"))),
        }
    }
}

fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
