//! Devanagari as outlines. The SVG library places a vowel sign that stands beside its consonant on top of the next
//! letter (it takes a cluster to be as wide as its widest part), so these letters are shaped here.
use rustybuzz::ttf_parser::{GlyphId, OutlineBuilder};
use rustybuzz::{Face, GlyphBuffer, UnicodeBuffer, shape};
use std::fmt::Write as _;

const FONT: &[u8] = include_bytes!("../../../../../../icons/fonts/NotoSansDevanagari-Bold.ttf");

pub fn is_devanagari(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{97f}' | '\u{a8e0}'..='\u{a8ff}')
}

fn shaped(text: &str) -> Option<(Face<'static>, GlyphBuffer)> {
    let face = Face::from_slice(FONT, 0)?;
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(text);
    buffer.guess_segment_properties();
    let glyphs = shape(&face, &[], buffer);
    Some((face, glyphs))
}

/// Width in the unit of `size`.
pub fn width(text: &str, size: f32) -> f32 {
    shaped(text).map_or(f32::INFINITY, |(face, glyphs)| {
        let units: i32 = glyphs.glyph_positions().iter().map(|position| position.x_advance).sum();
        float(units) * size / float(face.units_per_em())
    })
}

/// Adds the letters with their baseline at `y`.
pub fn draw(svg: &mut String, text: &str, size: f32, x: f32, y: u32, colour: &str) {
    let Some((face, glyphs)) = shaped(text) else { return };
    let scale = size / float(face.units_per_em());
    let mut path = Path { data: String::new(), x: 0.0, y: 0.0 };
    let mut pen = 0;
    for (glyph, position) in glyphs.glyph_infos().iter().zip(glyphs.glyph_positions()) {
        (path.x, path.y) = (float(pen + position.x_offset), float(position.y_offset));
        if let Ok(id) = u16::try_from(glyph.glyph_id) {
            face.outline_glyph(GlyphId(id), &mut path);
        }
        pen += position.x_advance;
    }
    write!(
        svg,
        r#"<path fill="{colour}" transform="translate({x} {y}) scale({scale} -{scale})" d="{}"/>"#,
        path.data
    )
    .expect("a string can be written to");
}

/// Writes an outline as SVG path data, moved to its glyph's place.
struct Path {
    data: String,
    x: f32,
    y: f32,
}

impl Path {
    fn add(&mut self, command: char, points: &[(f32, f32)]) {
        self.data.push(command);
        for (x, y) in points {
            write!(self.data, "{} {} ", x + self.x, y + self.y).expect("a string can be written to");
        }
    }
}

impl OutlineBuilder for Path {
    fn move_to(&mut self, x: f32, y: f32) {
        self.add('M', &[(x, y)]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.add('L', &[(x, y)]);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.add('Q', &[(x1, y1), (x, y)]);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.add('C', &[(x1, y1), (x2, y2), (x, y)]);
    }

    fn close(&mut self) {
        self.data.push('Z');
    }
}

/// Font units are far below what an f32 holds exactly.
#[expect(clippy::cast_precision_loss, reason = "font units have 15 bits, a line a few thousand of them")]
fn float(units: i32) -> f32 {
    units as f32
}
