//! What a process and all that it started weigh.
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;

/// Megabytes by name of the program.
#[derive(Clone, Debug, Default)]
pub struct Memory(BTreeMap<String, f64>);

impl Memory {
    /// The process and its descendants.
    pub fn of(root: u32) -> io::Result<Self> {
        let processes: Vec<Process> = fs::read_dir("/proc")?
            .flatten()
            .filter_map(|entry| Process::read(entry.file_name().to_str()?.parse().ok()?))
            .collect();
        let mut family = vec![root];
        let mut memory = Self::default();
        while let Some(parent) = family.pop() {
            family.extend(processes.iter().filter(|process| process.parent == parent).map(|p| p.id));
            // A process may have ended since the list was made.
            if let Some(process) = processes.iter().find(|process| process.id == parent)
                && let Some(megabytes) = process.megabytes()
            {
                *memory.0.entry(process.name.clone()).or_default() += megabytes;
            }
        }
        Ok(memory)
    }

    pub fn total(&self) -> f64 {
        self.0.values().sum()
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(|(name, size)| format!("{name} {size:.0}")).collect();
        out.write_str(&parts.join(" + "))
    }
}

struct Process {
    id: u32,
    parent: u32,
    name: String,
}

impl Process {
    /// From `/proc/<id>/stat`: number, name in brackets, state, parent.
    fn read(id: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let (front, rest) = stat.rsplit_once(')')?;
        let name = front.split_once('(')?.1.to_owned();
        let parent = rest.split_whitespace().nth(1)?.parse().ok()?;
        Some(Self { id, parent, name })
    }

    /// Proportional set size: pages shared with others count in part.
    fn megabytes(&self) -> Option<f64> {
        let sums = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.id)).ok()?;
        let line = sums.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes / 1024.0)
    }
}
