use qrcode::bits::Bits;
use qrcode::{Color, EcLevel, QrCode, Version};

use super::{Cascade, Format, PictureError, PictureLimits, picture_from_bytes};
use crate::frame::LumaFrame;

const PASS: &str = "GH:6BFOXN*WE4ZJ0P8 K$PC5$CZEDJDC WE9+EDSED+EDX7";

/// A code at the pass size, `scale` pixels a module, in the middle of a white frame.
fn card(text: &str, scale: usize) -> LumaFrame {
    // One alphanumeric segment: the crate's own splitting into segments can outgrow the version.
    let mut bits = Bits::new(Version::Normal(3));
    bits.push_alphanumeric_data(text.as_bytes()).expect("an alphanumeric text");
    bits.push_terminator(EcLevel::Q).expect("a text that fits version 3-Q");
    let code = QrCode::with_bits(bits, EcLevel::Q).expect("a text of version 3-Q");
    let (modules, colors) = (code.width(), code.to_colors());
    let side = (modules + 8) * scale;
    let dark = |at: usize| (at / scale).checked_sub(4).filter(|module| *module < modules);
    let pixel = |x, y| match (dark(x), dark(y)) {
        (Some(column), Some(row)) if colors[row * modules + column] == Color::Dark => 20,
        _ => 235,
    };
    let pixels = (0..side * side).map(|at| pixel(at % side, at / side)).collect();
    LumaFrame::new(side, side, pixels).expect("as many pixels as the sides say")
}

#[test]
fn a_pass_is_read_from_a_picture() {
    let found = Cascade::new().read_picture(&card(PASS, 4));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].text, PASS);
    assert_eq!(found[0].format, Format::Qr);
}

#[test]
fn an_empty_or_inconsistent_frame_reads_nothing() {
    let mut cascade = Cascade::new();
    for frame in [
        LumaFrame { width: 0, height: 0, pixels: Vec::new() },
        LumaFrame { width: 640, height: 480, pixels: vec![128; 640 * 480] },
        LumaFrame { width: 640, height: 480, pixels: vec![128; 10] },
    ] {
        assert_eq!(cascade.read(&frame), []);
        assert_eq!(cascade.read_picture(&frame), []);
    }
}

#[test]
fn a_text_file_is_not_a_picture_whatever_its_name() {
    assert_eq!(
        picture_from_bytes(b"name,phone\nx,1\n", PictureLimits::default()),
        Err(PictureError::NotAPicture)
    );
}
