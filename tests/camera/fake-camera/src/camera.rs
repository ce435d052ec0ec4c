//! The camera itself: answers the kernel's requests and sends frames while it is asked to.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::Args;
use crate::descriptors::{DEVICE, MAX_PAYLOAD, Mode, Offer, QUALIFIER, string};
use crate::scene::{Place, Scene, Shown};
use crate::usbip::{self, Request, STALL, Submit, TAKEN_BACK};

/// Where `vhci_hcd` takes a device: port, socket, device number, speed.
const ATTACH: &str = "/sys/devices/platform/vhci_hcd.0/attach";
/// Number of the device on its bus and of the bus, as a real one on another machine would have.
const DEVICE_NUMBER: u32 = (1 << 16) | 2;
/// High speed, 480 Mbit/s.
const HIGH_SPEED: u32 = 3;
/// Different frames of each mode; they repeat.
const DRAWN: u64 = 4;

/// A camera that is plugged in.
pub struct Camera {
    args: Args,
    offer: Offer,
    /// The frames of each mode. They are drawn before the camera is plugged in, as a real one sends at once.
    frames: Vec<Vec<Vec<u8>>>,
    stream: Mutex<Stream>,
    changed: Condvar,
    out: Mutex<UnixStream>,
}

/// What the kernel wants of the video endpoint.
#[derive(Default)]
struct Stream {
    /// Transfers that wait for data: number and length.
    transfers: VecDeque<(u32, usize)>,
    /// The format that streams, if one does.
    format: Option<u8>,
    /// Changes with each start and stop.
    turn: u64,
}

impl Camera {
    /// Plugs a camera in and serves it until the kernel lets go of it.
    pub fn plug_in(args: Args) -> io::Result<()> {
        let shown = args.shown().map_err(io::Error::other)?;
        let frames = args.modes.iter().map(|mode| draw(*mode, &shown, args.place)).collect::<Result<_, _>>();
        let frames = frames.map_err(io::Error::other)?;
        let (ours, theirs) = UnixStream::pair()?;
        let attach = format!("0 {} {DEVICE_NUMBER} {HIGH_SPEED}", theirs.as_raw_fd());
        fs::write(ATTACH, attach)?;
        // The kernel holds it now.
        drop(theirs);
        println!("fake-camera: plugged in");
        let camera = Arc::new(Self {
            offer: Offer { modes: args.modes.clone(), interval: args.interval },
            args,
            frames,
            stream: Mutex::default(),
            changed: Condvar::new(),
            out: Mutex::new(ours.try_clone()?),
        });
        let sender = camera.clone();
        thread::spawn(move || {
            if let Err(error) = sender.send() {
                eprintln!("fake-camera: {error}");
                std::process::exit(1);
            }
        });
        camera.serve(ours)
    }

    fn stream(&self) -> MutexGuard<'_, Stream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, stream: MutexGuard<'a, Stream>) -> MutexGuard<'a, Stream> {
        self.changed.wait(stream).unwrap_or_else(PoisonError::into_inner)
    }

    fn set_format(&self, format: Option<u8>) {
        let mut stream = self.stream();
        stream.format = format;
        stream.turn += 1;
        self.changed.notify_all();
    }

    fn reply(&self, write: impl FnOnce(&mut UnixStream) -> io::Result<()>) -> io::Result<()> {
        write(&mut self.out.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers requests until the connection ends.
    fn serve(&self, mut kernel: UnixStream) -> io::Result<()> {
        let mut probe = self.offer.probe(1).to_vec();
        // The kernel's sender empties its list of transfers and then its list of unlinks, so an unlink can overtake
        // the transfer that it is about. It is kept until that one is here.
        let (mut newest, mut early) = (0, HashMap::new());
        while let Some(request) = usbip::read(&mut kernel)? {
            match request {
                Request::Unlink { number, victim } if victim > newest => {
                    early.insert(victim, number);
                }
                Request::Unlink { number, victim } => {
                    // Under the lock, so that the transfer is answered either before or not at all.
                    let mut stream = self.stream();
                    let waiting = stream.transfers.len();
                    stream.transfers.retain(|(transfer, _)| *transfer != victim);
                    let status = if stream.transfers.len() < waiting { TAKEN_BACK } else { 0 };
                    self.reply(|out| usbip::answer_unlink(out, number, status))?;
                }
                Request::Submit(submit) if submit.endpoint == 0 => {
                    newest = submit.number;
                    self.control(&submit, &mut probe)?;
                }
                Request::Submit(submit) => {
                    newest = submit.number;
                    if let Some(unlink) = early.remove(&submit.number) {
                        self.reply(|out| usbip::answer_unlink(out, unlink, TAKEN_BACK))?;
                    } else {
                        self.stream().transfers.push_back((submit.number, submit.length));
                        self.changed.notify_all();
                    }
                }
            }
        }
        Ok(())
    }

    /// Answers a control request; one that the camera does not know stalls, which is how the kernel learns of it.
    fn control(&self, submit: &Submit, probe: &mut Vec<u8>) -> io::Result<()> {
        let [kind, request, value_low, value_high, index, _, length_low, length_high] = submit.setup;
        let answer = match (kind, request) {
            // Get descriptor.
            (0x80, 6) => match (value_high, value_low) {
                (1, _) => Some(DEVICE.to_vec()),
                (2, _) => Some(self.offer.configuration()),
                (3, 0) => Some(vec![4, 3, 9, 4]),
                (3, 1) => Some(string("Gatehouse")),
                (3, _) => Some(string(&self.args.name)),
                (6, _) => Some(QUALIFIER.to_vec()),
                _ => None,
            },
            // Get status.
            (0x80..=0x82, 0) => Some(vec![0, 0]),
            // Set address, configuration, interface.
            (0x00, 5 | 9) | (0x01, 11) => Some(Vec::new()),
            // Clear the halt of the video endpoint: how streaming over bulk is stopped.
            (0x02, 1) => {
                self.set_format(None);
                Some(Vec::new())
            }
            // Set the probe (1) or commit (2) control of the streaming interface.
            (0x21, 1) if index == 1 => {
                *probe = self.offer.probe(submit.data.get(2).copied().unwrap_or(1)).to_vec();
                if value_high == 2 {
                    self.set_format(Some(probe[2]));
                }
                Some(Vec::new())
            }
            // Get them: current, least, greatest, resolution, default; their length; their abilities.
            (0xA1, 0x81..=0x84 | 0x87) if index == 1 => Some(probe.clone()),
            (0xA1, 0x85) if index == 1 => Some(vec![26, 0]),
            (0xA1, 0x86) if index == 1 => Some(vec![3]),
            _ => None,
        };
        let limit = usize::from(u16::from_le_bytes([length_low, length_high]));
        self.reply(|out| match answer {
            None => usbip::answer(out, submit.number, STALL, 0, &[]),
            Some(answer) if submit.inwards => {
                let answer = &answer[..answer.len().min(limit)];
                usbip::answer(out, submit.number, 0, answer.len(), answer)
            }
            Some(_) => usbip::answer(out, submit.number, 0, submit.data.len(), &[]),
        })
    }

    /// Sends frames whenever a format streams.
    fn send(&self) -> io::Result<()> {
        let mut total = 0;
        loop {
            let (format, turn) = {
                let mut stream = self.stream();
                loop {
                    if let Some(format) = stream.format {
                        break (format, stream.turn);
                    }
                    stream = self.wait(stream);
                }
            };
            let (format, mode) = self.offer.mode(format);
            println!("fake-camera: sends {:?} {} x {}", mode.fourcc, mode.width, mode.height);
            self.send_frames(&self.frames[usize::from(format) - 1], turn, &mut total)?;
        }
    }

    fn send_frames(&self, frames: &[Vec<u8>], turn: u64, total: &mut u64) -> io::Result<()> {
        let interval = Duration::from_nanos(u64::from(self.args.interval) * 100);
        let mut due = Instant::now();
        for frame in frames.iter().cycle() {
            if self.args.unplug_after.is_some_and(|limit| *total >= limit) {
                println!("fake-camera: is pulled out after {total} frames");
                io::stdout().flush()?;
                // Closes the socket, which the kernel takes for a disconnected device.
                std::process::exit(0);
            }
            if self.args.freeze_after.is_some_and(|limit| *total >= limit) {
                println!("fake-camera: freezes after {total} frames");
                loop {
                    thread::park();
                }
            }
            due = (due + interval).max(Instant::now());
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let cut = self.args.truncate && *total % 2 == 1;
            let frame = if cut { &frame[..frame.len() / 3] } else { &frame[..] };
            if !self.send_frame(frame, turn, *total % 2 == 1)? {
                return Ok(());
            }
            *total += 1;
        }
        Ok(())
    }

    /// Sends one frame as UVC payloads: two bytes of header, which tell frames apart and mark the last payload.
    /// Says whether the format still streams.
    fn send_frame(&self, frame: &[u8], turn: u64, odd: bool) -> io::Result<bool> {
        const END_OF_HEADER: u8 = 0x80;
        const END_OF_FRAME: u8 = 0x02;
        let mut rest = frame;
        while !rest.is_empty() {
            // A transfer is taken and answered under the lock: an unlink that came in between would be told that it
            // came too late, and the kernel drops a device that then answers all the same.
            let mut stream = self.stream();
            let (number, length) = loop {
                if stream.turn != turn {
                    return Ok(false);
                }
                if let Some(transfer) = stream.transfers.pop_front() {
                    break transfer;
                }
                stream = self.wait(stream);
            };
            let room = length.min(MAX_PAYLOAD as usize).saturating_sub(2);
            let (piece, after) = rest.split_at(room.min(rest.len()));
            let end = if after.is_empty() { END_OF_FRAME } else { 0 };
            let mut payload = vec![2, END_OF_HEADER | end | u8::from(odd)];
            payload.extend_from_slice(piece);
            rest = after;
            self.reply(|out| usbip::answer(out, number, 0, payload.len(), &payload))?;
        }
        Ok(true)
    }
}

/// The frames of a mode.
fn draw(mode: Mode, shown: &Shown, place: Place) -> Result<Vec<Vec<u8>>, String> {
    let scene = Scene::new(mode.width, mode.height, shown, place);
    (0..DRAWN).map(|number| scene.frame(mode.fourcc, number)).collect()
}
