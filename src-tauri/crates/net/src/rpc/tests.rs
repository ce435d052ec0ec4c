use super::typescript;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(
                files(&path).into_iter().map(|(name, text)| (Path::new(&entry.file_name()).join(name), text)),
            );
        } else {
            found.insert(PathBuf::from(entry.file_name()), std::fs::read_to_string(path).unwrap());
        }
    }
    found
}

/// `GATEHOUSE_WRITE_BINDINGS=1` writes them instead (`make bindings`).
#[test]
fn the_committed_bindings_are_those_of_the_command_list() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../ui/src/ipc/bindings");
    if std::env::var_os("GATEHOUSE_WRITE_BINDINGS").is_some() {
        drop(std::fs::remove_dir_all(&committed));
        std::fs::create_dir_all(&committed).unwrap();
        typescript::write(&committed).unwrap();
    }
    let fresh = tempfile::tempdir().unwrap();
    typescript::write(fresh.path()).unwrap();
    assert_eq!(files(&committed), files(fresh.path()), "run `make bindings`");
}
