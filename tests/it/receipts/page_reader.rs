//! Reads a PDF back: the text a reader could search and copy, and the codes a scanner sees.
use gatehouse_scan::{Cascade, LumaFrame};
use hayro::hayro_interpret::font::Glyph;
use hayro::hayro_interpret::hayro_cmap::BfString;
use hayro::hayro_interpret::hayro_syntax::content::ops::{
    BeginMarkedContentWithProperties, TypedInstruction,
};
use hayro::hayro_interpret::hayro_syntax::object::Object;
use hayro::hayro_interpret::hayro_syntax::page::Page;
use hayro::hayro_interpret::hayro_syntax::{self, Pdf};
use hayro::hayro_interpret::{
    BlendMode, ClipPath, Context, Device, GlyphDrawMode, Image, InterpreterCache, InterpreterSettings, Paint,
    PathDrawMode, SoftMask, interpret_page,
};
use hayro::vello_cpu::kurbo::{Affine, BezPath, Rect};
use hayro::{RenderCache, RenderSettings, render};
use std::collections::VecDeque;

/// A page as it can be read.
pub struct ReadPage {
    /// Letters in the order they are written, which for one line of Latin text is that of reading.
    pub text: String,
    /// Points.
    pub size: (f32, f32),
}

pub fn read(pdf: &[u8]) -> Vec<ReadPage> {
    let pdf = Pdf::new(pdf.to_vec()).expect("a PDF");
    pdf.pages()
        .iter()
        .map(|page| {
            let cache = InterpreterCache::new();
            let area = Rect::new(0.0, 0.0, 10_000.0, 10_000.0);
            let mut context =
                Context::new(Affine::IDENTITY, area, &cache, page.xref(), InterpreterSettings::default());
            let mut letters = Letters { spans: spans(page), ..Letters::default() };
            interpret_page(page, &mut context, &mut letters);
            ReadPage { text: letters.text, size: page.render_dimensions() }
        })
        .collect()
}

/// What a scanner sees on the pages.
pub fn codes(pdf: &[u8]) -> Vec<String> {
    let pdf = Pdf::new(pdf.to_vec()).expect("a PDF");
    let scaled = RenderSettings { x_scale: 2.0, y_scale: 2.0, ..RenderSettings::default() };
    let look = |page: &Page<'_>| {
        let picture = render(page, &RenderCache::new(), &InterpreterSettings::default(), &scaled);
        let (width, height) = (usize::from(picture.width()), usize::from(picture.height()));
        // Paper is white where nothing is printed.
        let grey = |pixel: &[u8]| pixel[1].saturating_add(u8::MAX - pixel[3]);
        let luma = picture.data_as_u8_slice().chunks(4).map(grey).collect();
        let frame = LumaFrame::new(width, height, luma).expect("a picture");
        Cascade::new().read_picture(&frame)
    };
    pdf.pages().iter().flat_map(look).map(|symbol| symbol.text).collect()
}

/// For each marked piece of the page in its order: what it says instead of its letters (`/ActualText`), where their
/// shapes tell too little, as joined ones do.
fn spans(page: &Page<'_>) -> VecDeque<Option<String>> {
    let mut spans = VecDeque::new();
    let mut operations = page.typed_operations();
    while let Some(operation) = operations.next() {
        match operation {
            TypedInstruction::BeginMarkedContent(_) => spans.push_back(None),
            TypedInstruction::BeginMarkedContentWithProperties(BeginMarkedContentWithProperties(
                _,
                properties,
            )) => {
                let said = match properties {
                    Object::Dict(said) => said.get::<hayro_syntax::object::String>(b"ActualText".as_slice()),
                    _ => None,
                };
                spans.push_back(said.map(|said| utf_16(said.as_bytes())));
            }
            _ => {}
        }
    }
    spans
}

/// High byte first, after its mark.
fn utf_16(bytes: &[u8]) -> String {
    let units: Vec<u16> =
        bytes.chunks(2).skip(1).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).expect("text")
}

/// Writes the page down as it is drawn.
#[derive(Default)]
struct Letters {
    text: String,
    spans: VecDeque<Option<String>>,
    /// The marked pieces around the place where drawing is; true for one that has been said.
    inside: Vec<bool>,
}

impl<'a> Device<'a> for Letters {
    fn draw_glyph(&mut self, glyph: &Glyph<'a>, _: Affine, _: Affine, _: &Paint<'a>, _: &GlyphDrawMode) {
        if self.inside.contains(&true) {
            return;
        }
        match glyph.as_unicode() {
            Some(BfString::Char(letter)) => self.text.push(letter),
            Some(BfString::String(letters)) => self.text.push_str(&letters),
            None => {}
        }
    }

    fn begin_marked_content(&mut self, _: &[u8], _: Option<i32>) {
        let said = self.spans.pop_front().flatten();
        self.inside.push(said.is_some());
        self.text.extend(said);
    }

    fn end_marked_content(&mut self) {
        self.inside.pop();
    }

    fn set_soft_mask(&mut self, _: Option<SoftMask<'a>>) {}
    fn set_blend_mode(&mut self, _: BlendMode) {}
    fn draw_path(&mut self, _: &BezPath, _: Affine, _: &Paint<'a>, _: &PathDrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: Affine) {}
    fn pop_clip_path(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
