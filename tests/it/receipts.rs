//! Receipts on paper: pages and thermal printers' bytes, read back.
mod page_reader;
pub mod printer;
mod samples;

use gatehouse_core::receipts::document::{PaidBy, ReceiptDocument, ReceiptKind};
use gatehouse_core::receipts::escpos::{Drawer, bytes};
use gatehouse_core::receipts::{Mark, Print, Roll, pdf};
use page_reader::{ReadPage, codes, read};
use printer::Printed;
use samples::{CODE, arabic_sale, copy, hindi_sale, long_sale, original, refund, sale};

/// Keeps what was made where `GATEHOUSE_KEEP_RECEIPTS` names a folder, to be looked at.
fn keep(name: &str, content: &[u8]) {
    if let Ok(folder) = std::env::var("GATEHOUSE_KEEP_RECEIPTS") {
        std::fs::write(format!("{folder}/{name}"), content).expect("kept");
    }
}

fn a4(name: &str, print: &Print<'_>) -> Vec<ReadPage> {
    let pdf = pdf::a4(print).expect("a page");
    keep(&format!("{name}-a4.pdf"), &pdf);
    read(&pdf)
}

fn roll(name: &str, print: &Print<'_>, roll: Roll) -> ReadPage {
    let pdf = pdf::roll(print, roll).expect("a page");
    keep(&format!("{name}-{}mm.pdf", roll.paper_millimetres()), &pdf);
    let mut pages = read(&pdf);
    assert_eq!(pages.len(), 1);
    pages.remove(0)
}

fn thermal(name: &str, print: &Print<'_>, roll: Roll, drawer: Drawer) -> Printed {
    let bytes = bytes(print, roll, drawer).expect("bytes");
    let printed = Printed::read(&bytes);
    assert_eq!(printed.cuts, 1);
    if let Some(width) = printed.dots.first().map(Vec::len) {
        let mut picture = format!("P1 {width} {}\n", printed.dots.len());
        picture.extend(printed.dots.iter().flatten().map(|ink| if *ink { "1 " } else { "0 " }));
        keep(&format!("{name}-{}mm.pbm", roll.paper_millimetres()), picture.as_bytes());
    }
    printed
}

#[test]
fn a_page_says_in_real_text_what_was_sold_and_how_it_was_paid() {
    let document = sale();
    let pages = a4("sale", &original(&document));
    assert_eq!(pages.len(), 1);
    let (width, height) = pages[0].size;
    assert!((width - 595.0).abs() < 1.0 && (height - 842.0).abs() < 1.0, "{width} × {height}");
    for said in [
        "Nile Strength",
        "Zamalek",
        "Cairo 11211",
        "Tax no. 123-456-789",
        "1-2-000123",
        "Sat 21 November 2026, 18:04",
        "Front desk",
        "Salma Fathy",
        "Mona Adel",
        "1000018",
        "Gold membership, 3 months",
        "2,250.00",
        "14%",
        "Tax 14% on 2,140.35",
        "299.65",
        "EGP 2,490.00",
        "Card ****7755",
        "EGP 1,490.00",
        "Given",
        "EGP 1,200.00",
        "EGP 200.00",
        "Prices include tax.",
        "Thank you. Train well.",
    ] {
        assert!(pages[0].text.contains(said), "{said:?} is not in {:?}", pages[0].text);
    }
    for silent in ["482910337755", "COPY", "Business day", "Rounding"] {
        assert!(!pages[0].text.contains(silent), "{silent:?} is in {:?}", pages[0].text);
    }
}

#[test]
fn a_roll_is_one_page_as_long_as_its_receipt() {
    let (short, long) = (sale(), long_sale());
    let short = roll("sale", &original(&short), Roll::Mm80);
    let long = roll("long", &original(&long), Roll::Mm80);
    assert!((short.size.0 - 226.8).abs() < 1.0, "{:?}", short.size);
    assert!(long.size.1 > 2.0 * short.size.1, "{:?} {:?}", short.size, long.size);
    assert!(long.text.contains("Article 40"));
    let narrow = sale();
    let narrow = roll("sale", &original(&narrow), Roll::Mm58);
    assert!((narrow.size.0 - 164.4).abs() < 1.0, "{:?}", narrow.size);
}

#[test]
fn the_code_on_a_page_reads_back() {
    for document in [sale(), arabic_sale(), refund()] {
        assert_eq!(codes(&pdf::a4(&original(&document)).expect("a page")), [CODE]);
    }
    let document = sale();
    for paper in [Roll::Mm80, Roll::Mm58] {
        assert_eq!(codes(&pdf::roll(&original(&document), paper).expect("a page")), [CODE]);
    }
}

#[test]
fn forty_lines_go_on_over_pages_with_their_head_and_their_number() {
    let document = long_sale();
    let pages = a4("long", &copy(&document));
    assert!(pages.len() > 1);
    for (index, page) in pages.iter().enumerate() {
        assert!(page.text.contains("1-2-000123") && page.text.contains("COPY"), "{}", page.text);
        assert!(page.text.contains(&format!("{} / {}", index + 1, pages.len())), "{}", page.text);
    }
    assert!(pages[0].text.contains("Article 1 ") && pages[1].text.contains("QtyPriceTaxAmount"));
    assert!(pages.last().expect("a page").text.contains("EGP 8,610.00"));
}

#[test]
fn arabic_and_hindi_receipts_keep_their_letters_as_text() {
    let document = arabic_sale();
    let page = &a4("arabic", &original(&document))[0];
    // Written from the right, a word stands in the page from its last letter to its first.
    let reads =
        |word: &str| page.text.contains(word) || page.text.contains(&word.chars().rev().collect::<String>());
    for said in ["إيصال", "الضريبة", "القاهرة", "المدفوع", "فتحي"] {
        assert!(reads(said), "{said} is not in {}", page.text);
    }
    for said in ["Mona Adel", "1-2-000123", "123-456-789", "EGP 2,489.75", "****7755", "18:04"] {
        assert!(page.text.contains(said), "{said} is not in {}", page.text);
    }
    let document = hindi_sale();
    let page = &a4("hindi", &original(&document))[0];
    for said in [
        "रसीद",
        "शक्ति जिम",
        "नई दिल्ली",
        "कीर्ति विश्वकर्मा",
        "स्वर्ण सदस्यता",
        "INR 1,22,490.00",
        "+14%",
        "21 नवंबर 2026",
    ] {
        assert!(page.text.contains(said), "{said} is not in {}", page.text);
    }
}

#[test]
fn a_reprint_says_that_it_is_a_copy_in_its_language() {
    for (name, document, mark) in [
        ("copy", sale(), "COPY"),
        ("arabic-copy", arabic_sale(), "ةخسن"),
        ("hindi-copy", hindi_sale(), "प्रतिलिपि"),
    ] {
        let marked = |page: &ReadPage| {
            let forwards = page.text.contains(mark);
            forwards || page.text.contains(&mark.chars().rev().collect::<String>())
        };
        assert!(!marked(&a4(name, &original(&document))[0]), "{name}");
        assert!(marked(&a4(name, &copy(&document))[0]), "{name}");
        assert!(marked(&roll(name, &copy(&document), Roll::Mm80)), "{name}");
    }
    let document = sale();
    let printed = thermal("copy", &copy(&document), Roll::Mm80, Drawer::Leave);
    assert!(printed.lines.contains(&"*** COPY ***".to_owned()), "{:?}", printed.lines);
}

#[test]
fn the_same_receipt_is_the_same_file_years_later() {
    let document = sale();
    let kept = serde_json::to_string(&document).expect("JSON");
    let again: ReceiptDocument = serde_json::from_str(&kept).expect("a document");
    assert_eq!(again, document);
    let (first, second) = (pdf::a4(&original(&document)), pdf::a4(&original(&again)));
    assert_eq!(first.expect("a page"), second.expect("a page"));
}

#[test]
fn a_refund_names_the_receipt_it_takes_back_and_the_night_it_belongs_to() {
    let document = refund();
    let page = &a4("refund", &original(&document))[0];
    for said in [
        "Refund",
        "For receipt",
        "1-2-000123",
        "Shakes were out of date",
        "Business day",
        "Sat 21 November 2026",
    ] {
        assert!(page.text.contains(said), "{said:?} is not in {:?}", page.text);
    }
    assert!(page.text.contains("Sun 22 November 2026, 01:30"), "{:?}", page.text);
}

#[test]
fn a_latin_receipt_is_printed_as_text_with_the_printers_own_code() {
    let mut document = sale();
    document.staff_name = "Zoë Müller".into();
    let printed = thermal("sale", &original(&document), Roll::Mm80, Drawer::Leave);
    let expected = "\
Nile Strength
Zamalek
14 Hassan Sabry St.
Cairo 11211
Tax no. 123-456-789

Receipt
No.                                   1-2-000123
Date                 Sat 21 November 2026, 18:04
Till                                  Front desk
Served by                             Zoë Müller
Member                                 Mona Adel
Member no.                               1000018
------------------------------------------------
Gold membership, 3 months
  1 x 2,250.00  (14%)                   2,250.00
Protein shake
  2 x 95.00  (14%)                        190.00
Towel, deposit
  1 x 50.00                                50.00
------------------------------------------------
Net                                     2,190.35
Tax 14% on 2,140.35                       299.65
Total                               EGP 2,490.00
Card ****7755                       EGP 1,490.00
Cash                                EGP 1,000.00
Given                               EGP 1,200.00
Change                                EGP 200.00

Prices include tax.
Thank you. Train well.


";
    assert_eq!(printed.lines.join("\n") + "\n", expected);
    assert_eq!((printed.codes.as_slice(), printed.dots.len()), ([CODE.to_owned()].as_slice(), 0));
}

#[test]
fn nothing_runs_over_the_edge_of_a_narrow_roll() {
    let mut document = long_sale();
    document.reason = Some("x".repeat(70));
    document.issuer.gym_name = "The Very Long Name of a Gym beside the River and the Old Bridge".into();
    document.totals.gross = gatehouse_core::money::LARGEST_MINOR;
    let printed = thermal("long", &original(&document), Roll::Mm58, Drawer::Leave);
    for line in &printed.lines {
        assert!(line.chars().count() <= 32, "{line:?}");
    }
    assert!(printed.lines.iter().any(|line| line.ends_with("EGP 90,071,992,547,409.91")));
}

#[test]
fn other_scripts_are_printed_as_a_picture_that_fills_the_head() {
    for (name, document, rolls) in [
        ("arabic", arabic_sale(), Roll::Mm80),
        ("arabic", arabic_sale(), Roll::Mm58),
        ("hindi", hindi_sale(), Roll::Mm80),
    ] {
        let printed = thermal(name, &original(&document), rolls, Drawer::Leave);
        assert!(
            printed.lines.iter().all(String::is_empty) && printed.codes.is_empty(),
            "{:?}",
            printed.lines
        );
        let width = usize::try_from(rolls.dots()).expect("a width");
        assert!(printed.dots.len() > 400 && printed.dots.iter().all(|row| row.len() == width));
        assert!(printed.bands.iter().all(|rows| (1..=128).contains(rows)));
        assert_eq!(printed.seen_codes(), [CODE]);
        // Ink reaches both sides: the amounts stand at one, their labels at the other.
        let inked = |columns: std::ops::Range<usize>| {
            printed.dots.iter().any(|row| row[columns.clone()].contains(&true))
        };
        assert!(inked(0..16) && inked(width - 16..width));
    }
    // One name in another script is enough.
    let mut document = sale();
    document.member.as_mut().expect("a member").native_name = Some("منى عادل".into());
    assert!(!thermal("mixed", &original(&document), Roll::Mm80, Drawer::Leave).dots.is_empty());
}

#[test]
fn the_drawer_opens_for_cash_and_never_for_a_copy() {
    let kicks = |document: &ReceiptDocument, mark, drawer| {
        thermal("drawer", &Print { mark, ..original(document) }, Roll::Mm80, drawer).kicks
    };
    let cash = sale();
    assert_eq!(kicks(&cash, Mark::Original, Drawer::Kick), 1);
    assert_eq!(kicks(&cash, Mark::Original, Drawer::Leave), 0);
    assert_eq!(kicks(&cash, Mark::Copy, Drawer::Kick), 0);
    let mut card = sale();
    card.payments.retain(|payment| payment.method != PaidBy::Cash);
    assert_eq!(kicks(&card, Mark::Original, Drawer::Kick), 0);
    let change = ReceiptDocument { kind: ReceiptKind::CashIn, lines: vec![], payments: vec![], ..sale() };
    assert_eq!(kicks(&change, Mark::Original, Drawer::Kick), 1);
}

#[test]
fn a_name_is_never_a_command_to_the_printer_nor_markup_to_the_typesetter() {
    let mut document = sale();
    document.member.as_mut().expect("a member").name = "Bo\u{1b}p\0\u{19}\u{fa}by".into();
    document.lines[0].description = "#panic() *bold* $x$ <b> \u{1d}V\u{1}".into();
    let printed = thermal("commands", &original(&document), Roll::Mm80, Drawer::Leave);
    assert_eq!((printed.kicks, printed.cuts), (0, 1));
    let page = &a4("commands", &original(&document))[0];
    assert!(page.text.contains("#panic() *bold* $x$ <b> V"), "{}", page.text);
}
