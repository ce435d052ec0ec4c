//! Receipts of a gym that does not exist.
use chrono::NaiveDate;
use gatehouse_core::money::exponent;
use gatehouse_core::receipts::document::{
    Issuer, Language, PaidBy, ReceiptDocument, ReceiptKind, ReceiptLine, ReceiptMember, ReceiptPayment,
    TaxTotal, Totals, mask,
};
use gatehouse_core::receipts::{Mark, Print};

/// What the code of a receipt says: address, number and hash.
pub const CODE: &str =
    "GATEHOUSE:1-2-000123:8D969EEF6ECAD3C29A3A629280E686CF0C3F5D5A86AFF3CA12020C923ADC6C92";

pub fn original(document: &ReceiptDocument) -> Print<'_> {
    Print { document, code: CODE, mark: Mark::Original, language: None }
}

pub fn copy(document: &ReceiptDocument) -> Print<'_> {
    Print { mark: Mark::Copy, ..original(document) }
}

fn line(description: &str, quantity: i64, unit: i64, tax: Option<(u32, i64)>) -> ReceiptLine {
    ReceiptLine {
        description: description.into(),
        native_description: None,
        quantity,
        unit,
        gross: quantity * unit,
        tax_rate: tax.map(|(rate, _)| rate),
        tax: tax.map_or(0, |(_, tax)| tax),
        tax_included: true,
    }
}

fn paid(method: PaidBy, amount: i64, reference: Option<&str>) -> ReceiptPayment {
    ReceiptPayment { method, amount, reference: reference.map(mask) }
}

/// A membership and two shakes, paid by card and with a bank note.
pub fn sale() -> ReceiptDocument {
    let day = NaiveDate::from_ymd_opt(2026, 11, 21).expect("a day");
    ReceiptDocument {
        kind: ReceiptKind::Sale,
        number: "1-2-000123".into(),
        language: Language::En,
        issuer: Issuer {
            gym_name: "Nile Strength".into(),
            branch_name: "Zamalek".into(),
            address: vec!["14 Hassan Sabry St.".into(), "Cairo 11211".into()],
            tax_number: Some("123-456-789".into()),
            till_name: "Front desk".into(),
        },
        issued_at: day.and_hms_opt(18, 4, 30).expect("a time"),
        business_day: day,
        staff_name: "Salma Fathy".into(),
        member: Some(ReceiptMember { name: "Mona Adel".into(), native_name: None, number: "1000018".into() }),
        payer: None,
        currency: "EGP".into(),
        exponent: exponent("EGP").expect("a currency"),
        lines: vec![
            line("Gold membership, 3 months", 1, 225_000, Some((1_400, 27_632))),
            line("Protein shake", 2, 9_500, Some((1_400, 2_333))),
            line("Towel, deposit", 1, 5_000, None),
        ],
        totals: Totals {
            net: 219_035,
            taxes: vec![TaxTotal { rate: 1_400, net: 214_035, tax: 29_965 }],
            gross: 249_000,
            rounding: 0,
        },
        payments: vec![
            paid(PaidBy::CardTerminal, 149_000, Some("482910337755")),
            paid(PaidBy::Cash, 100_000, None),
        ],
        tendered: Some(120_000),
        change: Some(20_000),
        still_due: None,
        credit: None,
        original_number: None,
        reason: None,
        footer: vec!["Thank you. Train well.".into()],
    }
}

pub fn arabic_sale() -> ReceiptDocument {
    let mut document = sale();
    document.language = Language::Ar;
    document.issuer.gym_name = "نايل سترينث".into();
    document.issuer.branch_name = "فرع الزمالك".into();
    document.issuer.address = vec!["14 شارع حسن صبري".into(), "القاهرة 11211".into()];
    document.issuer.till_name = "الاستقبال".into();
    document.staff_name = "سلمى فتحي".into();
    document.member = Some(ReceiptMember {
        name: "Mona Adel".into(),
        native_name: Some("منى عادل عبد الرحمن".into()),
        number: "1000018".into(),
    });
    for (line, native) in
        document.lines.iter_mut().zip(["اشتراك ذهبي، 3 أشهر", "مشروب بروتين", "منشفة، تأمين"])
    {
        line.native_description = Some(native.into());
    }
    document.totals.rounding = -25;
    document.footer = vec!["شكرًا لكم، تمرينًا موفقًا.".into()];
    document
}

pub fn hindi_sale() -> ReceiptDocument {
    let mut document = sale();
    document.language = Language::Hi;
    document.currency = "INR".into();
    document.issuer.gym_name = "शक्ति जिम".into();
    document.issuer.branch_name = "कनॉट प्लेस, नई दिल्ली".into();
    document.issuer.address = vec!["12 जनपथ, नई दिल्ली 110001".into()];
    document.issuer.tax_number = Some("07AAACS1429B1Z4".into());
    document.issuer.till_name = "मुख्य काउंटर".into();
    document.staff_name = "प्रिया शर्मा".into();
    document.member = Some(ReceiptMember {
        name: "Kirti Vishwakarma".into(),
        native_name: Some("कीर्ति विश्वकर्मा".into()),
        number: "1000018".into(),
    });
    document.lines[0].native_description = Some("स्वर्ण सदस्यता, 3 महीने".into());
    document.lines[0].unit = 12_225_000;
    document.lines[0].gross = 12_225_000;
    document.lines[0].tax_included = false;
    document.totals.gross = 12_249_000;
    document.payments = vec![paid(PaidBy::Upi, 12_249_000, Some("UTR4432119087"))];
    (document.tendered, document.change) = (None, None);
    document.footer = vec!["धन्यवाद। स्वस्थ रहें।".into()];
    document
}

/// A part of a sale given back in cash, at night: the business day is the day before.
pub fn refund() -> ReceiptDocument {
    let mut document = sale();
    let morning = document.business_day.succ_opt().expect("a day");
    document.kind = ReceiptKind::Refund;
    document.number = "1-2-000124".into();
    document.issued_at = morning.and_hms_opt(1, 30, 0).expect("a time");
    document.lines.truncate(2);
    document.lines.remove(0);
    document.totals = Totals {
        net: 16_667,
        taxes: vec![TaxTotal { rate: 1_400, net: 16_667, tax: 2_333 }],
        gross: 19_000,
        rounding: 0,
    };
    document.payments = vec![paid(PaidBy::Cash, 19_000, None)];
    (document.tendered, document.change) = (None, None);
    document.original_number = Some("1-2-000123".into());
    document.reason = Some("Shakes were out of date".into());
    document
}

/// A basket of forty things.
pub fn long_sale() -> ReceiptDocument {
    let mut document = sale();
    document.lines = (1..=40)
        .map(|index| {
            let name =
                format!("Article {index} with a description that goes on for longer than one line of a roll");
            line(&name, index, 1_050, Some((1_400, 129 * index)))
        })
        .collect();
    let gross = document.lines.iter().map(|line| line.gross).sum();
    let tax = document.lines.iter().map(|line| line.tax).sum();
    document.totals = Totals {
        net: gross - tax,
        taxes: vec![TaxTotal { rate: 1_400, net: gross - tax, tax }],
        gross,
        rounding: 0,
    };
    document.payments = vec![paid(PaidBy::BankTransfer, gross, Some("NBE-99120045"))];
    (document.tendered, document.change) = (None, None);
    document
}
