//! The interface's view of the command list: `commands.ts` and one file per type.
use super::commands;
use std::fmt::Write as _;
use std::path::Path;
use ts_rs::{Config, ExportError};

/// Writes the bindings into `folder`, which should be empty.
pub fn write(folder: &Path) -> Result<(), ExportError> {
    let config = Config::new().with_large_int("number").with_out_dir(folder);
    let rows = commands::export_types(&config)?;
    let mut imports = std::collections::BTreeSet::new();
    let mut map = String::new();
    for (name, request, response) in &rows {
        imports.extend([request, response].into_iter().filter(|name| *name != "null"));
        // A command without a request takes null.
        writeln!(map, "  {name}: {{ request: {request}; response: {response} }};")
            .map_err(std::io::Error::other)?;
    }
    let mut file = String::from("// Generated from the command list; `make bindings` writes it anew.\n");
    for name in imports {
        writeln!(file, "import type {{ {name} }} from \"./{name}\";").map_err(std::io::Error::other)?;
    }
    write!(
        file,
        "\n/** Every command: its request and its answer. */\nexport interface Commands {{\n{map}}}\n"
    )
    .map_err(std::io::Error::other)?;
    std::fs::write(folder.join("commands.ts"), file)?;
    Ok(())
}
