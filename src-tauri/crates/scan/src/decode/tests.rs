#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixels and greys within their range"
)]

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, RgbaImage};
use proptest::prelude::*;
use qrcode::bits::Bits;
use qrcode::{Color, EcLevel, QrCode, Version};

use super::{Cascade, Format, PictureError, PictureLimits, picture_from_bytes, rqrr};
#[cfg(feature = "zxing")]
use super::{Lead, fusion::Fusion, region};
use crate::frame::LumaFrame;

const PASS: &str = "GH:6BFOXN*WE4ZJ0P8 K$PC5$CZEDJDC WE9+EDSED+EDX7";
const DARK: u8 = 20;
const LIGHT: u8 = 235;

/// A code at the pass size, `scale` pixels a module, in the middle of a white frame.
fn card(text: &str, scale: usize) -> LumaFrame {
    // One alphanumeric segment: the crate's own splitting into segments can outgrow the version.
    let mut bits = Bits::new(Version::Normal(3));
    bits.push_alphanumeric_data(text.as_bytes()).unwrap();
    bits.push_terminator(EcLevel::Q).unwrap();
    let code = QrCode::with_bits(bits, EcLevel::Q).unwrap();
    let (modules, colors) = (code.width(), code.to_colors());
    let side = (modules + 8) * scale;
    let place = |at: usize| (at / scale).checked_sub(4).filter(|module| *module < modules);
    let pixel = |x, y| match (place(x), place(y)) {
        (Some(column), Some(row)) if colors[row * modules + column] == Color::Dark => DARK,
        _ => LIGHT,
    };
    let pixels = (0..side * side).map(|at| pixel(at % side, at / side)).collect();
    LumaFrame::new(side, side, pixels).unwrap()
}

/// The card on a grey desk, seen by a 720p webcam, turned by this angle.
fn on_a_desk(card: &LumaFrame, angle: f64) -> LumaFrame {
    let (width, height) = (1280, 720);
    let (sin, cos) = angle.sin_cos();
    let half = card.width as f64 / 2.0;
    let pixel = |x: usize, y: usize| {
        let (dx, dy) = (x as f64 - 700.0, y as f64 - 300.0);
        let (u, v) = (dx * cos + dy * sin + half, dy * cos - dx * sin + half);
        let inside = |at: f64| at >= 0.0 && at < half * 2.0;
        if inside(u) && inside(v) { card.pixels[v as usize * card.width + u as usize] } else { 90 }
    };
    let pixels = (0..width * height).map(|at| pixel(at % width, at / width)).collect();
    LumaFrame { width, height, pixels }
}

fn inverted(mut frame: LumaFrame) -> LumaFrame {
    for pixel in &mut frame.pixels {
        *pixel = 255 - *pixel;
    }
    frame
}

fn texts(cascade: &mut Cascade, frame: &LumaFrame) -> Vec<String> {
    cascade.read(frame).into_iter().map(|symbol| symbol.text).collect()
}

fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.into().write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

#[test]
fn a_pass_is_read_from_a_picture() {
    let found = Cascade::new().read_picture(&card(PASS, 4));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].text, PASS);
    assert_eq!(found[0].format, Format::Qr);
}

#[test]
fn a_pass_is_read_at_any_angle_light_on_dark_and_from_afar() {
    for angle in [0.0, 0.4, 1.6, 3.0, 4.9] {
        assert_eq!(
            texts(&mut Cascade::new(), &on_a_desk(&card(PASS, 4), angle)),
            [PASS],
            "turned by {angle}"
        );
    }
    assert_eq!(texts(&mut Cascade::new(), &inverted(on_a_desk(&card(PASS, 4), 0.2))), [PASS]);
    assert_eq!(texts(&mut Cascade::new(), &on_a_desk(&card(PASS, 2), 0.0)), [PASS]);
}

#[cfg(feature = "zxing")]
#[test]
fn the_corners_enclose_the_code() {
    let found = Cascade::new().read(&on_a_desk(&card(PASS, 4), 0.0));
    // 29 modules of 4 pixels around (700, 300).
    for (corner, expected) in
        found[0].corners.into_iter().zip([(642, 242), (758, 242), (758, 358), (642, 358)])
    {
        assert!(corner.0.abs_diff(expected.0) <= 3 && corner.1.abs_diff(expected.1) <= 3, "{corner:?}");
    }
}

#[test]
fn an_empty_or_inconsistent_frame_reads_nothing() {
    let mut cascade = Cascade::new();
    for frame in [
        LumaFrame { width: 0, height: 0, pixels: Vec::new() },
        LumaFrame { width: 1, height: 1, pixels: vec![0] },
        LumaFrame { width: 3, height: 300, pixels: vec![0; 900] },
        LumaFrame { width: 640, height: 480, pixels: vec![128; 640 * 480] },
        LumaFrame { width: 640, height: 480, pixels: vec![128; 10] },
    ] {
        assert_eq!(cascade.read(&frame), []);
        assert_eq!(cascade.read_picture(&frame), []);
    }
}

#[test]
fn stripes_and_noise_read_nothing_however_long_one_looks() {
    let mut state = 1_u32;
    let mut cascade = Cascade::new();
    for _ in 0..8 {
        let pixel = |at: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 26) as u8 + if (at % 1280 / 8).is_multiple_of(2) { 120 } else { 0 }
        };
        let frame = LumaFrame { width: 1280, height: 720, pixels: (0..1280 * 720).map(pixel).collect() };
        assert_eq!(cascade.read(&frame), []);
    }
}

/// An out-of-focus lens: means of means come close to a gaussian, here of 0.58 modules at 4 pixels a module.
#[cfg(feature = "zxing")]
fn out_of_focus(frame: &LumaFrame) -> LumaFrame {
    [2, 2, 1, 1].into_iter().fold(frame.clone(), |soft, reach| super::filters::calmed(&soft, reach))
}

#[cfg(feature = "zxing")]
#[test]
fn a_blurred_pass_that_the_lead_cannot_read_is_read_from_its_sharpened_part() {
    let frame = out_of_focus(&on_a_desk(&card(PASS, 4), 0.1));
    assert_eq!(Lead::new().whole(&frame), [], "too easy to show anything");
    let mut cascade = Cascade::new();
    let read: Vec<String> = (0..6).flat_map(|_| texts(&mut cascade, &frame)).collect();
    assert!(read.iter().all(|text| text == PASS) && !read.is_empty(), "{read:?}");
}

/// Hardly any light: ink and paper 15 greys apart, and noise of a third of that.
#[cfg(feature = "zxing")]
fn in_little_light(frame: &LumaFrame, state: &mut u32) -> LumaFrame {
    let mut dim = frame.clone();
    for pixel in &mut dim.pixels {
        let mut noise = 0;
        for _ in 0..3 {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise += i32::try_from(*state >> 24).unwrap() - 128;
        }
        *pixel = (20 + i32::from(*pixel) * 18 / 255 + noise / 27).clamp(0, 255) as u8;
    }
    dim
}

#[cfg(feature = "zxing")]
#[test]
fn a_pass_in_little_light_that_the_lead_cannot_read_is_read_from_its_calmed_part() {
    let card = on_a_desk(&card(PASS, 4), 0.1);
    let mut state = 3;
    let mut cascade = Cascade::new();
    let mut read = Vec::new();
    for _ in 0..6 {
        let frame = in_little_light(&card, &mut state);
        assert_eq!(Lead::new().whole(&frame), [], "too easy to show anything");
        read.extend(texts(&mut cascade, &frame));
    }
    assert!(read.iter().all(|text| text == PASS) && !read.is_empty(), "{read:?}");
}

/// Modules without any order, as large as a pass: the most code-like thing there is that is no code.
#[cfg(feature = "zxing")]
fn mosaic() -> LumaFrame {
    let side = 29;
    let mut state = 5_u32;
    let mut module = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 31 == 0 { DARK } else { LIGHT }
    };
    let modules: Vec<u8> = (0..side * side).map(|_| module()).collect();
    let side = side * 4;
    let pixels = (0..side * side).map(|at| modules[at / side / 4 * 29 + at % side / 4]).collect();
    LumaFrame { width: side, height: side, pixels }
}

#[cfg(feature = "zxing")]
#[test]
fn what_has_hung_there_for_long_keeps_no_card_from_being_read() {
    let wall = on_a_desk(&mosaic(), 0.1);
    assert_eq!(region::code_like(&wall, 1).len(), 1, "nothing that one would look at again and again");
    let card = out_of_focus(&on_a_desk(&card(PASS, 4), 0.1));
    let mut cascade = Cascade::new();
    for _ in 0..100 {
        assert_eq!(cascade.read(&wall), []);
    }
    let read: Vec<String> = (0..12).flat_map(|_| texts(&mut cascade, &card)).collect();
    assert!(read.iter().all(|text| text == PASS) && !read.is_empty(), "{read:?}");
}

#[cfg(feature = "zxing")]
#[test]
fn a_code_lost_in_noise_is_read_from_several_views() {
    let clean = card(PASS, 4);
    let lead = Lead::new();
    let mut fusion = Fusion::new();
    let mut state = 7_u32;
    let mut fused = Vec::new();
    for number in 0..8 {
        let mut noisy = clean.clone();
        for pixel in &mut noisy.pixels {
            let mut sum = 0;
            for _ in 0..3 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                sum += i32::try_from(state >> 24).unwrap() - 128;
            }
            *pixel = (128 + (i32::from(*pixel) - 128) / 2 + sum / 3).clamp(0, 249) as u8;
        }
        assert_eq!(lead.part(&noisy).read, [], "too easy to show anything");
        // Located a little off, another way each time.
        let off = if number % 2 == 0 { 1.0 } else { -1.0 };
        let (near, far) = (16.0 + off, 16.0 + 116.0 - off);
        fusion.add(&noisy, [(near, near), (far, near + off), (far, far), (near - off, far)]);
        fused = lead.part(&fusion.picture(0.0)).read;
    }
    assert_eq!(fused.len(), 1);
    assert_eq!(fused[0].text, PASS);
}

#[test]
fn the_second_decoder_reads_a_pass() {
    assert_eq!(rqrr::read(&card(PASS, 4))[0].text, PASS);
}

#[test]
fn pictures_are_told_by_their_content() {
    let code = card(PASS, 3);
    let side = u32::try_from(code.width).unwrap();
    let grey = GrayImage::from_raw(side, side, code.pixels.clone()).unwrap();
    assert_eq!(picture_from_bytes(&png(grey), PictureLimits::default()), Ok(code));
    let text = b"name,phone\nx,1\n";
    assert_eq!(picture_from_bytes(text, PictureLimits::default()), Err(PictureError::NotAPicture));
    assert_eq!(picture_from_bytes(b"", PictureLimits::default()), Err(PictureError::NotAPicture));
}

#[test]
fn a_code_on_a_transparent_ground_is_dark_on_white() {
    let code = card(PASS, 3);
    let side = u32::try_from(code.width).unwrap();
    let alpha = |x: u32, y: u32| 255 - code.pixels[(y * side + x) as usize];
    let ink = RgbaImage::from_fn(side, side, |x, y| image::Rgba([0, 0, 0, alpha(x, y)]));
    let frame = picture_from_bytes(&png(ink), PictureLimits::default()).unwrap();
    assert_eq!(Cascade::new().read_picture(&frame)[0].text, PASS);
}

#[test]
fn a_picture_cut_short_is_damaged() {
    let code = card(PASS, 3);
    let side = u32::try_from(code.width).unwrap();
    let grey = DynamicImage::from(GrayImage::from_raw(side, side, code.pixels).unwrap());
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
        let mut file = Cursor::new(Vec::new());
        grey.to_rgb8().write_to(&mut file, format).unwrap();
        let file = file.into_inner();
        for length in [16, 20, 40, file.len() / 3] {
            let cut = picture_from_bytes(&file[..length], PictureLimits::default());
            // A JPEG cut short in its data may still give a picture, grey where the rest was.
            assert!(
                cut == Err(PictureError::Damaged) || (format == ImageFormat::Jpeg && cut.is_ok()),
                "{format:?} of {length} bytes"
            );
        }
    }
}

#[test]
fn a_picture_of_40_megapixels_is_refused_by_its_header() {
    // A GIF of one pixel whose header claims more: nothing that could be unpacked.
    let mut file = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(1, 1).write_to(&mut file, ImageFormat::Gif).unwrap();
    let mut gif = file.into_inner();
    gif[6..8].copy_from_slice(&8000_u16.to_le_bytes());
    gif[8..10].copy_from_slice(&5000_u16.to_le_bytes());
    let limit = PictureLimits::default().pixels;
    let refused = PictureError::TooManyPixels { width: 8000, height: 5000, limit };
    assert_eq!(picture_from_bytes(&gif, PictureLimits::default()), Err(refused));
    let small = PictureLimits { bytes: 10, ..PictureLimits::default() };
    assert_eq!(
        picture_from_bytes(&gif, small),
        Err(PictureError::FileTooLarge { bytes: gif.len(), limit: 10 })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_printed_is_what_is_read(text in "[0-9A-Z $%*+./:-]{1,47}", scale in 2_usize..7) {
        let found = Cascade::new().read_picture(&card(&text, scale));
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(&found[0].text, &text);
    }

    #[test]
    fn no_bytes_make_a_picture_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 0_usize..4) {
        let magic: [&[u8]; 4] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF\x40\0\0\0WEBPVP8L"];
        let file = [magic[kind], &bytes].concat();
        if let Ok(frame) = picture_from_bytes(&file, PictureLimits::default()) {
            prop_assert!(frame.is_sound());
        }
    }
}
