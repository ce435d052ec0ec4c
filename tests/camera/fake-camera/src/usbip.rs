//! The messages of USB/IP, as the kernel's `Documentation/usb/usbip_protocol.rst` lays them out. All numbers in
//! headers are big endian.

use std::io::{self, Read, Write};

/// Length of every header.
const HEADER: usize = 48;
const SUBMIT: u32 = 1;
const UNLINK: u32 = 2;
const RETURN_SUBMIT: u32 = 3;
const RETURN_UNLINK: u32 = 4;

/// `-EPIPE`: the endpoint stalls, which is how a device says that it does not know a request.
pub const STALL: i32 = -32;
/// `-ECONNRESET`: the transfer was taken back before it was done.
pub const TAKEN_BACK: i32 = -104;

/// What the kernel asks for.
#[derive(Debug)]
pub enum Request {
    /// A transfer.
    Submit(Submit),
    /// Take back the transfer `victim`.
    Unlink {
        /// Number of this request.
        number: u32,
        /// Number of the transfer.
        victim: u32,
    },
}

/// A transfer that the kernel wants.
#[derive(Debug)]
pub struct Submit {
    /// Its number, to be named in the answer.
    pub number: u32,
    /// Endpoint 0 takes control requests, endpoint 1 gives video.
    pub endpoint: u32,
    /// Whether data goes to the computer.
    pub inwards: bool,
    /// Bytes to transfer at most.
    pub length: usize,
    /// The control request.
    pub setup: [u8; 8],
    /// Data that goes to the device.
    pub data: Vec<u8>,
}

/// Reads the next request; `None` when the kernel has closed the connection.
pub fn read(from: &mut impl Read) -> io::Result<Option<Request>> {
    let mut header = [0; HEADER];
    match from.read_exact(&mut header) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let word = |place: usize| {
        let at = place * 4;
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let number = word(1);
    match word(0) {
        UNLINK => Ok(Some(Request::Unlink { number, victim: word(5) })),
        SUBMIT => {
            let inwards = word(3) == 1;
            let length = usize::try_from(word(6)).unwrap_or(usize::MAX);
            let mut data = vec![0; if inwards { 0 } else { length }];
            from.read_exact(&mut data)?;
            let mut setup = [0; 8];
            setup.copy_from_slice(&header[40..]);
            Ok(Some(Request::Submit(Submit { number, endpoint: word(4), inwards, length, setup, data })))
        }
        other => Err(io::Error::other(format!("an unknown message {other}"))),
    }
}

/// Answers a transfer: its status, the bytes that were transferred and, inwards, the bytes themselves.
pub fn answer(
    to: &mut impl Write,
    number: u32,
    status: i32,
    transferred: usize,
    data: &[u8],
) -> io::Result<()> {
    let transferred = u32::try_from(transferred).unwrap_or(u32::MAX);
    // Behind the status: bytes, start frame, number of packets (none, as nothing here is isochronous), errors.
    let mut message = header(RETURN_SUBMIT, number, status, [transferred, 0, u32::MAX, 0]);
    message.extend_from_slice(data);
    to.write_all(&message)
}

/// Answers an unlink: [`TAKEN_BACK`], or 0 when the transfer was done before.
pub fn answer_unlink(to: &mut impl Write, number: u32, status: i32) -> io::Result<()> {
    to.write_all(&header(RETURN_UNLINK, number, status, [0; 4]))
}

fn header(kind: u32, number: u32, status: i32, rest: [u32; 4]) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER);
    for word in [kind, number, 0, 0, 0] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message.extend_from_slice(&status.to_be_bytes());
    for word in rest {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message.resize(HEADER, 0);
    message
}
