//! Files that the page hands over: into the person's folder for downloads, without a question, under a new name
//! where one is taken. The page is told where.
use serde::Serialize;
use tauri::webview::DownloadEvent;
use tauri::{Emitter as _, Manager as _, Webview};

/// The page listens for this.
const SAVED: &str = "saved";

#[derive(Clone, Serialize)]
struct Saved {
    /// Where it is; none when it could not be written.
    path: Option<String>,
}

/// What the window does about a download; true lets it go on.
pub fn on_download(webview: Webview, event: DownloadEvent<'_>) -> bool {
    match event {
        DownloadEvent::Requested { destination, .. } => {
            // An account that has no folder for downloads has a home.
            let paths = webview.path();
            if let (Ok(folder), Some(name)) =
                (paths.download_dir().or_else(|_| paths.home_dir()), destination.file_name())
                && destination.parent() != Some(folder.as_path())
            {
                *destination = free(&folder.join(name));
            }
        }
        DownloadEvent::Finished { path, success, .. } => {
            let path = path.filter(|_| success).map(|path| path.display().to_string());
            if path.is_none() {
                tracing::warn!("a file could not be saved");
            }
            if let Err(error) = webview.emit(SAVED, Saved { path }) {
                tracing::warn!(%error, "the page was not told of a saved file");
            }
        }
        _ => {}
    }
    true
}

/// `card.png`, or `card (1).png` where that is taken.
fn free(wanted: &std::path::Path) -> std::path::PathBuf {
    let stem = wanted.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let ending =
        wanted.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    let numbered = (1..).map(|n| wanted.with_file_name(format!("{stem} ({n}){ending}")));
    std::iter::once(wanted.to_owned())
        .chain(numbered)
        .find(|path| !path.exists())
        .unwrap_or_else(|| wanted.to_owned())
}

#[cfg(test)]
mod tests {
    use super::free;
    use std::fs::write;

    #[test]
    fn a_second_card_of_the_same_name_does_not_overwrite_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let card = folder.path().join("card.1.png");
        assert_eq!(free(&card), card);
        write(&card, "1").unwrap();
        assert_eq!(free(&card), folder.path().join("card.1 (1).png"));
        write(folder.path().join("card.1 (1).png"), "2").unwrap();
        assert_eq!(free(&card), folder.path().join("card.1 (2).png"));
    }
}
