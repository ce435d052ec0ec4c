//! One measured figure as one JSON line.

use std::fs;
use std::io::{self, Write as _};

use serde::Serialize;

/// A figure and what it is measured against, in the same run on the same machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Part of the product: `scan`, `checkin`, `search`, `money`, `sync`, `start`, `memory`.
    pub area: &'static str,
    /// What was measured, unique within the area.
    pub case: &'static str,
    /// Ours.
    pub value: f64,
    /// Unit of `value` and `reference`.
    pub unit: &'static str,
    /// The same for the reference; none when the figure is judged by itself.
    pub reference: Option<f64>,
    /// `value / reference`.
    pub ratio: Option<f64>,
    /// Load average of the last minute: above 1, absolute figures say little.
    pub load1: Option<f64>,
    /// How it was measured, in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Figure {
    /// A figure beside its reference.
    pub fn against(
        area: &'static str,
        case: &'static str,
        unit: &'static str,
        value: f64,
        reference: f64,
    ) -> Self {
        let ratio = (reference != 0.0).then(|| value / reference);
        Self { reference: Some(reference), ratio, ..Self::alone(area, case, unit, value) }
    }

    /// A figure without a reference.
    pub fn alone(area: &'static str, case: &'static str, unit: &'static str, value: f64) -> Self {
        Self { area, case, value, unit, reference: None, ratio: None, load1: load1(), note: String::new() }
    }

    /// With a word on how it was measured.
    #[must_use]
    pub fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Writes the figure to standard output.
    pub fn print(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, self)?;
        writeln!(out)
    }
}

/// The load average of the last minute, where the system tells it.
fn load1() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}
