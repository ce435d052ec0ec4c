//! The log of what was asked and answered, written by the process that is never killed.
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A line of the log.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Line<'a, T = ()> {
    Asked {
        op: u64,
        request: &'a T,
    },
    Answered {
        op: u64,
        answer: &'a T,
    },
    /// The connection went before an answer came.
    Unanswered {
        op: u64,
    },
    Killed {
        what: &'static str,
        pid: i32,
        /// Requests on their way at that moment.
        on_their_way: u64,
    },
}

/// Appends lines; the file is what the run can be retraced by.
pub struct Log(Mutex<BufWriter<File>>);

impl Log {
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self(Mutex::new(BufWriter::new(File::create(path)?))))
    }

    /// Writes a line through to the file: it outlives this process, and the machine is not cut off.
    pub fn line<T: Serialize>(&self, line: &Line<'_, T>) -> io::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_writer(&mut *file, line)?;
        file.write_all(b"\n")?;
        file.flush()
    }
}
