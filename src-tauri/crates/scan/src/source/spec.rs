//! Where frames come from, as a person writes it down.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// Bits per second of a serial scanner whose description names none; scanners on a USB cable ignore it.
pub const DEFAULT_BAUD: u32 = 9600;

/// Where codes are read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// `camera:N`, the N-th webcam of this machine.
    Camera(u32),
    /// `http://host[:port]/path`, a camera that sends JPEG pictures one after the other
    /// (`multipart/x-mixed-replace`).
    Http(String),
    /// `serial:PORT[@BAUD]`, a scanner that decodes by itself and sends text.
    Serial {
        /// The device, `/dev/ttyUSB0` or `COM3`.
        port: String,
        /// Bits per second.
        baud: u32,
    },
    /// A picture, a folder of pictures, a Y4M or an MJPEG file; which of them, its content decides.
    Path(PathBuf),
}

impl Source {
    /// Whether it goes on until it is stopped, as against a file, which has an end.
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::Path(_))
    }
}

/// What a description of a source may look like.
pub const FORMS: &str = "a file, a folder, camera:N, http://…, serial:PORT or serial:PORT@BAUD";

/// Why a text describes no source.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpecError {
    /// Nothing was written.
    #[error("no source is named; write {FORMS}")]
    Empty,
    /// `camera:` is not followed by a number.
    #[error("{0:?} is not the number of a camera; write camera:0 for the first one")]
    CameraNumber(String),
    /// `serial:` without a device.
    #[error("serial: needs a device, as in serial:/dev/ttyUSB0 or serial:COM3@9600")]
    SerialPort,
    /// What follows `@` is not a speed.
    #[error("{0:?} is not a speed in bits per second, as in serial:/dev/ttyUSB0@9600")]
    SerialSpeed(String),
    /// The URL names no host.
    #[error("{0:?} names no host, as in http://192.168.1.20:8080/video")]
    Host(String),
    /// The scheme is none of ours.
    #[error("{0}:// cannot be read; write {FORMS}")]
    Scheme(String),
}

impl FromStr for Source {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(SpecError::Empty);
        }
        if let Some(number) = text.strip_prefix("camera:") {
            return number.parse().map(Self::Camera).map_err(|_| SpecError::CameraNumber(number.into()));
        }
        if let Some(rest) = text.strip_prefix("serial:") {
            let (port, baud) = match rest.rsplit_once('@') {
                Some((port, speed)) => {
                    let baud = speed.parse().ok().filter(|baud| *baud > 0);
                    (port, baud.ok_or_else(|| SpecError::SerialSpeed(speed.into()))?)
                }
                None => (rest, DEFAULT_BAUD),
            };
            if port.is_empty() {
                return Err(SpecError::SerialPort);
            }
            return Ok(Self::Serial { port: port.into(), baud });
        }
        match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => {
                let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
                if host.is_empty() || host.starts_with(':') {
                    return Err(SpecError::Host(text.into()));
                }
                Ok(Self::Http(format!("http://{rest}")))
            }
            Some((scheme, _)) if scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) => {
                Err(SpecError::Scheme(scheme.into()))
            }
            _ => Ok(Self::Path(text.into())),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Camera(index) => write!(f, "camera:{index}"),
            Self::Http(url) => f.write_str(url),
            Self::Serial { port, baud: DEFAULT_BAUD } => write!(f, "serial:{port}"),
            Self::Serial { port, baud } => write!(f, "serial:{port}@{baud}"),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_names_its_source() {
        let serial = |port: &str, baud| Source::Serial { port: port.into(), baud };
        for (text, source) in [
            ("camera:0", Source::Camera(0)),
            (" camera:12 ", Source::Camera(12)),
            ("http://127.0.0.1:8080/video?fps=10", Source::Http("http://127.0.0.1:8080/video?fps=10".into())),
            ("HTTP://cam.local", Source::Http("http://cam.local".into())),
            ("serial:/dev/ttyUSB0", serial("/dev/ttyUSB0", 9600)),
            ("serial:/dev/ttyACM1@115200", serial("/dev/ttyACM1", 115_200)),
            ("serial:COM3@9600", serial("COM3", 9600)),
            ("card.png", Source::Path("card.png".into())),
            ("/srv/photos", Source::Path("/srv/photos".into())),
            (r"C:\cards\one.png", Source::Path(r"C:\cards\one.png".into())),
            ("./camera:0.png", Source::Path("./camera:0.png".into())),
        ] {
            assert_eq!(text.parse(), Ok(source), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_would_have_been_right() {
        for (text, error) in [
            ("", SpecError::Empty),
            ("  ", SpecError::Empty),
            ("camera:", SpecError::CameraNumber(String::new())),
            ("camera:-1", SpecError::CameraNumber("-1".into())),
            ("camera:front", SpecError::CameraNumber("front".into())),
            ("serial:", SpecError::SerialPort),
            ("serial:@9600", SpecError::SerialPort),
            ("serial:/dev/ttyUSB0@fast", SpecError::SerialSpeed("fast".into())),
            ("serial:/dev/ttyUSB0@0", SpecError::SerialSpeed("0".into())),
            ("http://", SpecError::Host("http://".into())),
            ("http://:80/x", SpecError::Host("http://:80/x".into())),
            ("https://cam.local/video", SpecError::Scheme("https".into())),
            ("rtsp://cam.local/stream", SpecError::Scheme("rtsp".into())),
        ] {
            assert_eq!(text.parse::<Source>(), Err(error.clone()), "{text}");
            assert!(error.to_string().len() > 20, "{error}");
        }
    }

    #[test]
    fn a_source_is_written_as_it_is_read() {
        for text in ["camera:3", "http://h/x", "serial:/dev/ttyS0", "serial:/dev/ttyS0@1200", "a/b.y4m"] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
        }
    }
}
