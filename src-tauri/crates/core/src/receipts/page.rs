//! A sheet laid out on paper by the typesetter (Typst), which sees our template, the sheet and our fonts, and nothing
//! else: no file, no network, no font of the machine, no clock.
use super::sheet::Sheet;
use super::{Print, Roll};
use crate::error::Error;
use qrcode::{Color, EcLevel, QrCode};
use serde::Serialize;
use std::sync::LazyLock;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_layout::PagedDocument;

/// Modules of light around a QR code (ISO/IEC 18004).
const QUIET: usize = 4;

/// What a receipt is laid out on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    A4,
    /// The roll with its margins, as a page of a PDF.
    Roll(Roll),
    /// What the head of a thermal printer reaches.
    Head(Roll),
}

/// Measures the template needs. Lengths in millimetres.
#[derive(Serialize)]
struct Measures {
    kind: &'static str,
    width: u32,
    margin: u32,
    /// Points of an em.
    size: u32,
    /// Modules on a side of the code, its quiet zone among them.
    modules: usize,
    /// Side of one module.
    module: f64,
}

impl Paper {
    fn measures(self, modules: usize) -> Measures {
        // A thermal printer's dot is an eighth of a millimetre: five or six of them for a module.
        let (kind, width, margin, size, module) = match self {
            Self::A4 => ("a4", 210, 18, 10, 0.75),
            Self::Roll(roll) => {
                let (paper, head) = (roll.paper_millimetres(), roll.head_millimetres());
                ("roll", paper, (paper - head) / 2, roll.points(), roll.module())
            }
            Self::Head(roll) => ("roll", roll.head_millimetres(), 0, roll.points(), roll.module()),
        };
        Measures { kind, width, margin, size, modules, module }
    }
}

impl Roll {
    fn points(self) -> u32 {
        match self {
            Self::Mm80 => 9,
            Self::Mm58 => 8,
        }
    }

    fn module(self) -> f64 {
        match self {
            Self::Mm80 => 0.75,
            Self::Mm58 => 0.625,
        }
    }
}

/// Lays a receipt out.
pub fn lay_out(print: &Print<'_>, sheet: &Sheet, paper: Paper) -> Result<PagedDocument, Error> {
    let (code, modules) = code(print.code)?;
    let json = |written: Result<Vec<u8>, serde_json::Error>| {
        written.map(Bytes::new).map_err(|error| Error::Internal(error.to_string()))
    };
    let desk = Desk {
        sheet: json(serde_json::to_vec(sheet))?,
        paper: json(serde_json::to_vec(&paper.measures(modules)))?,
        code: Bytes::new(code),
    };
    let laid_out = typst::compile(&desk).output.map_err(|why| failed(&why));
    // What the typesetter remembers of a receipt helps the next one little and would add up over a day.
    typst::comemo::evict(1);
    laid_out
}

/// The fault of a template, told to the log.
pub fn failed(why: &[SourceDiagnostic]) -> Error {
    let told: Vec<&str> = why.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    Error::Internal(format!("a receipt could not be laid out: {}", told.join("; ")))
}

/// The QR code, a byte for each module with its quiet zone, and the modules of a side.
fn code(text: &str) -> Result<(Vec<u8>, usize), Error> {
    let code = qr(text)?;
    let (inner, side) = (code.width(), code.width() + 2 * QUIET);
    let mut modules = vec![u8::MAX; side * side];
    for (row, colours) in code.to_colors().chunks(inner).enumerate() {
        for (column, colour) in colours.iter().enumerate() {
            if *colour == Color::Dark {
                modules[(row + QUIET) * side + column + QUIET] = 0;
            }
        }
    }
    Ok((modules, side))
}

/// At error correction M: paper is clean, and thermal printers are coarse.
pub fn qr(text: &str) -> Result<QrCode, Error> {
    QrCode::with_error_correction_level(text, EcLevel::M).map_err(|error| Error::Internal(error.to_string()))
}

/// What never changes, made once.
struct Cabinet {
    library: LazyHash<Library>,
    fonts: Vec<Font>,
    book: LazyHash<FontBook>,
    template: Source,
    sheet: FileId,
    paper: FileId,
    code: FileId,
}

static CABINET: LazyLock<Cabinet> = LazyLock::new(|| {
    let files: [&'static [u8]; 6] = [
        include_bytes!("../../../../../icons/fonts/Inter-Regular.otf"),
        include_bytes!("../../../../../icons/fonts/Inter-SemiBold.otf"),
        include_bytes!("../../../../../icons/fonts/NotoSansArabic-Regular.ttf"),
        include_bytes!("../../../../../icons/fonts/NotoSansArabic-Bold.ttf"),
        include_bytes!("../../../../../icons/fonts/NotoSansDevanagari-Regular.ttf"),
        include_bytes!("../../../../../icons/fonts/NotoSansDevanagari-Bold.ttf"),
    ];
    let fonts: Vec<Font> = files.into_iter().flat_map(|file| Font::iter(Bytes::new(file))).collect();
    Cabinet {
        library: LazyHash::new(Library::default()),
        book: LazyHash::new(FontBook::from_fonts(&fonts)),
        fonts,
        template: Source::new(file("receipt.typ"), include_str!("receipt.typ").to_owned()),
        sheet: file("sheet.json"),
        paper: file("paper.json"),
        code: file("code"),
    }
});

fn file(name: &str) -> FileId {
    let path = VirtualPath::new(name).expect("a plain file name is a path");
    RootedPath::new(VirtualRoot::Project, path).intern()
}

/// The typesetter's desk with one receipt on it.
struct Desk {
    sheet: Bytes,
    paper: Bytes,
    code: Bytes,
}

impl World for Desk {
    fn library(&self) -> &LazyHash<Library> {
        &CABINET.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &CABINET.book
    }

    fn main(&self) -> FileId {
        CABINET.template.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == CABINET.template.id() { Ok(CABINET.template.clone()) } else { Err(FileError::NotSource) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        let known = [(CABINET.sheet, &self.sheet), (CABINET.paper, &self.paper), (CABINET.code, &self.code)];
        let found = known.into_iter().find(|(known, _)| *known == id);
        found.map(|(_, bytes)| bytes.clone()).ok_or(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        CABINET.fonts.get(index).cloned()
    }

    fn today(&self, _offset: Option<Duration>) -> Option<Datetime> {
        None
    }
}
