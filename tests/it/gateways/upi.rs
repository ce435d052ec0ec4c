//! The code on the screen, read as a payer's phone reads it.
use gatehouse_core::money::Money;
use gatehouse_core::payments::upi::{Payee, link, qr_svg};
use gatehouse_scan::Cascade;
use gatehouse_scan::source::read_picture_file;
use image::{GrayImage, Luma};

#[test]
fn the_drawn_code_reads_back_as_the_link() {
    let payee = Payee {
        address: "ironhouse@okhdfcbank", name: "आयरन हाउस", merchant_code: Some("7997")
    };
    let link = link(&payee, &Money::new(149_950, "INR"), "GH000123", "Monthly").expect("a link");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("code.png");
    paint(&qr_svg(&link).expect("a drawing")).save(&file).expect("a picture");
    let frame = read_picture_file(&file).expect("a picture");
    let read: Vec<String> =
        Cascade::new().read_picture(&frame).into_iter().map(|symbol| symbol.text).collect();
    assert_eq!(read, [link]);
}

/// Paints the drawing: a white square, and black rectangles as `M{left} {top}h{width}v{height}H…V…`.
fn paint(svg: &str) -> GrayImage {
    let number = |text: &str| text.parse::<u32>().expect("a number");
    let after = |text: &str, mark: &str| text.split_once(mark).expect("a mark").1.to_owned();
    let side = number(after(svg, "width=\"").split('"').next().expect("a width"));
    let mut picture = GrayImage::from_pixel(side, side, Luma([255]));
    let path = after(&after(svg, "<path"), "d=\"");
    for rectangle in path.split('"').next().expect("a path").split('M').skip(1) {
        let numbers: Vec<u32> = rectangle.split([' ', 'h', 'v', 'H', 'V']).map(number).collect();
        let [left, top, width, height, ..] = numbers[..] else { panic!("{rectangle}") };
        for y in top..top + height {
            for x in left..left + width {
                picture.put_pixel(x, y, Luma([0]));
            }
        }
    }
    picture
}
