//! `desk.json`: which desk this host is, which source it scans and where it prints, kept between runs.
use crate::printers::PrinterSettings;
use gatehouse_core::ids::DeskId;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// What a desk remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    pub desk_id: Option<DeskId>,
    /// As `--source` takes it.
    pub source: Option<String>,
    pub printer: Option<PrinterSettings>,
    /// Other desks of the branch may ask this machine.
    pub lan_on: bool,
}

/// The file, read once and written on every change.
pub struct DeskFile {
    path: PathBuf,
    content: Mutex<Remembered>,
}

impl DeskFile {
    /// A missing or damaged file counts as empty: the desk only forgets its camera and its printer.
    pub fn open(path: PathBuf) -> Self {
        let content = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { path, content: Mutex::new(content.unwrap_or_default()) }
    }

    pub fn read(&self) -> Remembered {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes it and writes it by rename, so that a power cut leaves the old or the new file.
    pub fn update(&self, change: impl FnOnce(&mut Remembered)) {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut content);
        let written = serde_json::to_vec_pretty(&*content).map_err(std::io::Error::from).and_then(|bytes| {
            let beside = self.path.with_extension("new");
            std::fs::write(&beside, bytes)?;
            std::fs::rename(&beside, &self.path)
        });
        if let Err(error) = written {
            tracing::warn!(%error, "desk.json was not written; the choice lasts until the next start");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printers::PrinterKind;
    use gatehouse_core::receipts::Roll;
    use gatehouse_core::receipts::document::Language;

    #[test]
    fn a_desk_remembers_its_source_and_printer_and_a_damaged_file_counts_as_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desk.json");
        DeskFile::open(path.clone()).update(|content| content.source = Some("camera:1".into()));
        let printer = PrinterSettings {
            kind: PrinterKind::Usb,
            address: "/dev/usb/lp0".into(),
            roll: Roll::Mm58,
            language: Some(Language::Ar),
            kick_drawer: true,
        };
        DeskFile::open(path.clone()).update(|content| content.printer = Some(printer.clone()));
        let read = DeskFile::open(path.clone()).read();
        assert_eq!((read.source.as_deref(), read.printer), (Some("camera:1"), Some(printer)));
        // A file of the time before printers.
        std::fs::write(&path, b"{\"source\": \"camera:2\"}").unwrap();
        assert_eq!(DeskFile::open(path.clone()).read().source.as_deref(), Some("camera:2"));
        std::fs::write(&path, b"{\"source\": 7").unwrap();
        assert_eq!(DeskFile::open(path).read(), Remembered::default());
    }
}
