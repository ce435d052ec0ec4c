//! A virtual display whose picture can be read: Xvfb keeps it in a file, in the format of xwd (X Window Dump,
//! `XWDFile.h`), the pixels last.
use super::Result;
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const WIDTH: usize = 1280;
const HEIGHT: usize = 800;
const PIXEL: usize = 4;
/// Only every fourth line is read: the lowest letter is higher, and looking must not take the time it measures.
const STEP: usize = 4;
/// The bare display, the window's and the page's background are fewer colours; letters with smooth edges are more.
const BLANK_COLOURS: usize = 6;

/// Xvfb, ended with the value.
pub struct Display {
    server: Child,
    name: String,
    picture: File,
    pixels_at: u64,
    _folder: TempDir,
}

impl Display {
    pub fn open() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nocursor", "-nolisten", "tcp", "-screen", "0"])
            .arg(format!("{WIDTH}x{HEIGHT}x24"))
            .arg("-fbdir")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("Xvfb (Debian package xvfb) does not start: {error}"))?;
        let mut number = String::new();
        let said = server.stdout.take().ok_or("Xvfb has an output")?;
        BufReader::new(said).read_line(&mut number)?;
        let picture = File::open(folder.path().join("Xvfb_screen0"))?;
        let size = u64::try_from(WIDTH * HEIGHT * PIXEL)?;
        let pixels_at =
            picture.metadata()?.len().checked_sub(size).ok_or("the display's file is too short")?;
        Ok(Self { server, name: format!(":{}", number.trim()), picture, pixels_at, _folder: folder })
    }

    /// As `DISPLAY` has it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits until a page is shown, or none.
    pub fn wait(&self, patience: Duration, look: Duration, shown: bool) -> Result<()> {
        let began = Instant::now();
        while self.shows_a_page()? != shown {
            if began.elapsed() > patience {
                return Err("the display did not change".into());
            }
            sleep(look);
        }
        Ok(())
    }

    fn shows_a_page(&self) -> Result<bool> {
        let mut line = [0; WIDTH * PIXEL];
        let mut colours = HashSet::new();
        for row in (0..HEIGHT).step_by(STEP) {
            let at = self.pixels_at + u64::try_from(row * WIDTH * PIXEL)?;
            self.picture.read_exact_at(&mut line, at)?;
            let mut last = None;
            for pixel in line.chunks_exact(PIXEL) {
                if last != Some(pixel) {
                    colours.insert([pixel[0], pixel[1], pixel[2]]);
                    last = Some(pixel);
                }
            }
            if colours.len() > BLANK_COLOURS {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // A server that is gone already is as good.
        let _gone = self.server.kill().and_then(|()| self.server.wait());
    }
}
