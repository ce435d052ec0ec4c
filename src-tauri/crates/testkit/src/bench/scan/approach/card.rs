//! What is printed: a pass at version 3-Q with some lines beside it.

use qrcode::bits::Bits;
use qrcode::{Color, EcLevel, QrCode, Version};

use super::chance::Chance;

/// Half of a CR80 card, millimetres.
pub const HALF_WIDTH: f32 = 42.8;
/// Half of a CR80 card, millimetres.
pub const HALF_HEIGHT: f32 = 27.0;
/// Modules along a side at version 3.
pub const MODULES: f32 = 29.0;
/// Side of a module: the code is 32 mm across.
pub const MODULE: f32 = 32.0 / MODULES;
/// Middle of the code, left of the card's middle.
pub const CODE_X: f32 = -18.0;

const PAPER: f32 = 0.92;
const INK: f32 = 0.06;

/// A printed or displayed pass.
#[derive(Debug, Clone)]
pub struct Card {
    /// What the code says.
    pub text: String,
    /// Light modules on dark, as a phone in its dark mode shows them.
    pub inverted: bool,
    dark: Vec<bool>,
}

impl Card {
    /// A card with a random pass: `GH:` and 29 bytes in base45.
    pub fn draw(chance: &mut Chance, inverted: bool) -> Self {
        let payload: Vec<u8> = (0..29).map(|_| chance.bits().to_le_bytes()[0]).collect();
        let text = format!("GH:{}", base45::encode(&payload));
        // One alphanumeric segment: the crate's own splitting into segments can outgrow the version.
        let code = Bits::new(Version::Normal(3));
        let code = encode(code, &text).unwrap_or_else(|error| unreachable!("47 characters fit 3-Q: {error}"));
        let dark = code.to_colors().into_iter().map(|color| color == Color::Dark).collect();
        Self { text, inverted, dark }
    }

    /// How much light comes back from this point, 0 to 1; nothing beside the card.
    pub fn reflectance(&self, x: f32, y: f32) -> Option<f32> {
        if x.abs() > HALF_WIDTH || y.abs() > HALF_HEIGHT {
            return None;
        }
        let (column, row) = ((x - CODE_X) / MODULE + MODULES / 2.0, y / MODULE + MODULES / 2.0);
        let inside = |at: f32, margin: f32| at >= -margin && at < MODULES + margin;
        let light = if inside(column, 0.0) && inside(row, 0.0) {
            !self.module(column, row)
        } else if inside(column, 4.0) && inside(row, 4.0) {
            true
        } else {
            // Lines of print: a bar of 2 mm every 6 mm on the right half of the card.
            return Some(if x > 12.0 && x < 36.0 && (y + 60.0) % 6.0 < 2.0 { 0.25 } else { PAPER });
        };
        Some(if light == self.inverted { INK } else { PAPER })
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0..29, checked by the caller"
    )]
    fn module(&self, column: f32, row: f32) -> bool {
        self.dark[row as usize * MODULES as usize + column as usize]
    }
}

fn encode(mut bits: Bits, text: &str) -> Result<QrCode, qrcode::types::QrError> {
    bits.push_alphanumeric_data(text.as_bytes())?;
    bits.push_terminator(EcLevel::Q)?;
    QrCode::with_bits(bits, EcLevel::Q)
}
