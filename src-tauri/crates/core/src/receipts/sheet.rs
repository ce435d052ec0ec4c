//! A receipt put into words: every text and figure in its order, before it is known what paper it goes on.
use super::document::{Language, ReceiptDocument, ReceiptKind, ReceiptLine};
use super::text::{Groups, amount, day, moment, rate, with_code};
use super::words::Words;
use super::{Mark, Print};
use serde::Serialize;

/// Serialised for the typesetter; a thermal printer's text mode reads the fields.
#[derive(Debug, Serialize)]
pub struct Sheet {
    /// BCP 47
    pub language: &'static str,
    pub gym: String,
    /// Branch, address and tax number, line by line.
    pub issuer: Vec<String>,
    pub title: &'static str,
    /// The mark of a reprint.
    pub copy: Option<&'static str>,
    pub number: String,
    pub facts: Vec<Pair>,
    pub heads: Heads,
    pub lines: Vec<Line>,
    pub totals: Vec<Pair>,
    /// The last of the totals, to be seen first.
    pub total: Pair,
    /// How it was paid and what is left.
    pub payments: Vec<Pair>,
    pub notes: Vec<String>,
    pub footer: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct Pair {
    pub label: String,
    pub value: String,
}

#[derive(Debug, Serialize)]
pub struct Heads {
    pub item: &'static str,
    pub quantity: &'static str,
    pub price: &'static str,
    pub tax: &'static str,
    pub amount: &'static str,
}

#[derive(Debug, Serialize)]
pub struct Line {
    /// In the sheet's own language where there are two.
    pub item: String,
    pub other: Option<String>,
    pub quantity: String,
    pub price: String,
    /// Its rate, with a plus where it comes on top; empty for what is not taxed.
    pub tax: String,
    pub amount: String,
}

impl Sheet {
    pub fn new(print: &Print<'_>) -> Self {
        let Print { document, mark, language, .. } = *print;
        let language = language.unwrap_or(document.language);
        let words = Words::of(language);
        let groups = Groups::of(&document.currency, language);
        let bare = |minor: i64| amount(minor, document.exponent, groups);
        let full = |minor: i64| with_code(minor, &document.currency, document.exponent, language);
        let issuer = &document.issuer;
        let tax_number = issuer
            .tax_number
            .iter()
            .map(|number| format!("{} {}", words.tax_number, apart(number, language)));
        Self {
            language: language.tag(),
            gym: clean(&issuer.gym_name),
            issuer: std::iter::once(&issuer.branch_name)
                .chain(&issuer.address)
                .map(|line| clean(line))
                .chain(tax_number.map(|line| clean(&line)))
                .filter(|line| !line.is_empty())
                .collect(),
            title: words.title(document.kind),
            copy: (mark == Mark::Copy).then_some(words.copy),
            number: clean(&document.number),
            facts: facts(document, language, words),
            heads: Heads {
                item: words.item,
                quantity: words.quantity,
                price: words.price,
                tax: words.tax,
                amount: words.amount,
            },
            lines: document.lines.iter().map(|line| row(line, language, &bare)).collect(),
            totals: totals(document, words, &bare),
            total: pair(words.total, full(document.totals.gross + document.totals.rounding)),
            payments: payments(document, language, words, &full),
            notes: notes(document, words),
            footer: document.footer.iter().map(|line| clean(line)).filter(|line| !line.is_empty()).collect(),
        }
    }
}

fn facts(document: &ReceiptDocument, language: Language, words: &Words) -> Vec<Pair> {
    let mut facts =
        vec![pair(words.number, &document.number), pair(words.date, moment(document.issued_at, language))];
    // Only a night's receipt belongs to another day than its date says.
    if document.issued_at.date() != document.business_day {
        facts.push(pair(words.business_day, day(document.business_day, language)));
    }
    facts.push(pair(words.till, &document.issuer.till_name));
    facts.push(pair(words.staff, &document.staff_name));
    if let Some(member) = &document.member {
        facts.push(pair(words.member, &member.name));
        facts.extend(member.native_name.iter().map(|name| pair("", name)));
        facts.push(pair(words.member_number, &member.number));
    }
    facts.extend(document.payer.iter().map(|payer| pair(words.payer, payer)));
    facts.extend(document.original_number.iter().map(|number| pair(words.original, number)));
    facts.extend(document.reason.iter().map(|reason| pair(words.reason, reason)));
    facts
}

fn row(line: &ReceiptLine, language: Language, bare: &dyn Fn(i64) -> String) -> Line {
    let sign = if line.tax_included { "" } else { "+" };
    let (item, other) = match &line.native_description {
        Some(native) if language != Language::En => (native, Some(&line.description)),
        native => (&line.description, native.as_ref()),
    };
    Line {
        item: clean(item),
        other: other.map(|text| clean(text)),
        quantity: line.quantity.to_string(),
        price: bare(line.unit),
        tax: line.tax_rate.map(|basis_points| format!("{sign}{}", rate(basis_points))).unwrap_or_default(),
        amount: bare(line.gross),
    }
}

fn totals(document: &ReceiptDocument, words: &Words, bare: &dyn Fn(i64) -> String) -> Vec<Pair> {
    let totals = &document.totals;
    let mut rows = Vec::new();
    if !totals.taxes.is_empty() {
        rows.push(pair(words.net, bare(totals.net)));
    }
    rows.extend(totals.taxes.iter().map(|tax| {
        let label = format!("{} {} {} {}", words.tax, rate(tax.rate), words.on, bare(tax.net));
        pair(&label, bare(tax.tax))
    }));
    if totals.rounding != 0 {
        rows.push(pair(words.rounding, bare(totals.rounding)));
    }
    rows
}

fn payments(
    document: &ReceiptDocument,
    language: Language,
    words: &Words,
    full: &dyn Fn(i64) -> String,
) -> Vec<Pair> {
    let mut rows: Vec<Pair> = document
        .payments
        .iter()
        .map(|payment| {
            let method = words.method(payment.method);
            let label = match &payment.reference {
                Some(reference) => format!("{method} {}", apart(reference, language)),
                None => method.to_owned(),
            };
            pair(&label, full(payment.amount))
        })
        .collect();
    let left = [
        (words.tendered, document.tendered),
        (words.change, document.change),
        (words.still_due, document.still_due),
        (words.credit, document.credit),
    ];
    let left = left.into_iter().filter_map(|(label, minor)| Some(pair(label, full(minor?))));
    rows.extend(left);
    rows
}

fn notes(document: &ReceiptDocument, words: &Words) -> Vec<String> {
    let taxed =
        |included| document.lines.iter().any(|line| line.tax_rate.is_some() && line.tax_included == included);
    let mut notes = Vec::new();
    if matches!(document.kind, ReceiptKind::Sale | ReceiptKind::Payment) {
        notes.extend(taxed(true).then(|| words.tax_included.to_owned()));
        notes.extend(taxed(false).then(|| words.tax_added.to_owned()));
    }
    notes
}

fn pair(label: &str, value: impl AsRef<str>) -> Pair {
    Pair { label: clean(label), value: clean(value.as_ref()) }
}

/// A code inside an Arabic line, isolated (Unicode UAX #9): its parts would change places otherwise.
fn apart(code: &str, language: Language) -> String {
    if language == Language::Ar { format!("\u{2066}{code}\u{2069}") } else { code.to_owned() }
}

/// Text without control characters: to a printer they are commands, and a name must not open the drawer.
fn clean(text: &str) -> String {
    let blank = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(blank).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}
