//! What the window can be started with.
use std::path::PathBuf;

/// Parsed command line of the window.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// Instead of the remembered camera: a file, a folder, `camera:N`, `http://…`, `serial:…`.
    pub source: Option<String>,
    /// Instead of the account's data folder.
    pub data_dir: Option<PathBuf>,
}

/// Help for `--help` and for mistakes.
pub const USAGE: &str = "\
Gatehouse, the reception desk of a gym

Usage: gatehouse [--source SOURCE] [--data-dir DIR]

  --source SOURCE   scan this instead of the remembered camera: a file, a folder, camera:N, http://…, serial:PORT
  --data-dir DIR    keep database and files here instead of the account's data folder
  --help            print this

Everything else is in gatehousectl.";

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    Open(CommandLine),
    Help,
    /// With what is wrong.
    Mistake(String),
}

/// Reads the arguments after the program's name.
pub fn parse(mut arguments: impl Iterator<Item = String>) -> Asked {
    let mut line = CommandLine::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        let taken = match argument.as_str() {
            "--help" | "-h" => return Asked::Help,
            "--source" => value().map(|value| line.source = Some(value)),
            "--data-dir" => value().map(|value| line.data_dir = Some(value.into())),
            _ => Err(format!("{argument} is not known")),
        };
        if let Err(mistake) = taken {
            return Asked::Mistake(mistake);
        }
    }
    Asked::Open(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Asked {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_window_takes_a_source_and_a_data_folder() {
        let expected = CommandLine { source: Some("camera:1".into()), data_dir: Some("/tmp/x".into()) };
        assert_eq!(parsed("--source camera:1 --data-dir /tmp/x"), Asked::Open(expected));
        assert_eq!(parsed(""), Asked::Open(CommandLine::default()));
        assert_eq!(parsed("--help"), Asked::Help);
    }

    #[test]
    fn a_mistake_is_named() {
        assert_eq!(parsed("--source"), Asked::Mistake("--source needs a value".into()));
        assert_eq!(parsed("--sauce x"), Asked::Mistake("--sauce is not known".into()));
    }
}
