//! From bytes to fields with their line.
use super::Finding;
use csv::{ReaderBuilder, StringRecord, Trim};

/// Columns of a file of members, the one it cannot do without first.
pub const MEMBERS: &[&str] = &[
    "full_name",
    "native_name",
    "number",
    "phone",
    "email",
    "birth_date",
    "sex",
    "notes",
    "language",
    "alias",
    "plan",
    "starts_on",
    "ends_on",
    "visits_left",
];

/// Largest file read, in bytes.
const LARGEST: usize = 64 << 20;

/// One row of the file.
#[derive(Clone, Debug)]
pub struct Record {
    pub line: u64,
    columns: &'static [&'static str],
    fields: Vec<Option<String>>,
}

impl Record {
    /// The field of a column; `None` when the file has none, or it is blank.
    pub fn get(&self, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|known| *known == column)?;
        self.fields.get(at)?.as_deref()
    }
}

/// Reads the file: its rows, and what is wrong with single ones.
///
/// # Errors
/// A finding that makes the whole file unreadable: bytes that are no UTF-8, a header without the first of `columns` or
/// with one that is not among them.
pub fn read(bytes: &[u8], columns: &'static [&'static str]) -> Result<(Vec<Record>, Vec<Finding>), Finding> {
    if bytes.len() > LARGEST {
        return Err(Finding::error(1, "", "file_too_large"));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Finding::error(1, "", "encoding_utf16"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        Finding::error(1 + newlines(before), "", "encoding_not_utf8")
    })?;
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(text))
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|_| Finding::error(1, "", "csv_unreadable"))?.clone();
    let places = places(&header, columns)?;
    let (mut records, mut findings) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record.map_err(|error| {
            Finding::error(error.position().map_or(1, csv::Position::line), "", "csv_unreadable")
        })?;
        let line = record.position().map_or(1, |position| line_of(position, text));
        if record.iter().all(str::is_empty) {
            continue;
        }
        if record.len() != header.len() {
            findings.push(Finding::error(line, "", "wrong_number_of_fields"));
            continue;
        }
        let fields = places
            .iter()
            .map(|place| {
                place.and_then(|at| record.get(at)).filter(|field| !field.is_empty()).map(str::to_owned)
            })
            .collect();
        records.push(Record { line, columns, fields });
    }
    Ok((records, findings))
}

/// The reader's position is where it stood before the blank lines it skipped.
fn line_of(position: &csv::Position, text: &str) -> u64 {
    let rest =
        usize::try_from(position.byte()).ok().and_then(|at| text.as_bytes().get(at..)).unwrap_or_default();
    let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    position.line() + newlines(&rest[..blank])
}

fn newlines(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.split(|byte| *byte == b'\n').count() - 1).unwrap_or(u64::MAX)
}

/// The separator that the header has most of.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |separator: u8| header.bytes().filter(|byte| *byte == separator).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}

/// Where each known column is.
fn places(header: &StringRecord, columns: &[&str]) -> Result<Vec<Option<usize>>, Finding> {
    let mut places = vec![None; columns.len()];
    for (at, name) in header.iter().enumerate() {
        let name = name.trim().to_lowercase().replace([' ', '-'], "_");
        let Some(column) = columns.iter().position(|known| *known == name) else {
            return Err(Finding::error(1, &name, "column_unknown"));
        };
        if places[column].replace(at).is_some() {
            return Err(Finding::error(1, &name, "column_twice"));
        }
    }
    if let (Some(None), Some(first)) = (places.first(), columns.first()) {
        return Err(Finding::error(1, first, "column_missing"));
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_spreadsheet_is_read() {
        for text in [
            "full_name,phone\n\"Adel, Mona\",0100\n",
            "\u{feff}Full Name;Phone\r\n\"Adel, Mona\";0100\r\n",
            "phone\tfull-name\n0100\tAdel, Mona\n\n",
        ] {
            let (records, findings) = read(text.as_bytes(), MEMBERS).expect(text);
            assert!(findings.is_empty());
            assert_eq!(records.len(), 1, "{text}");
            assert_eq!(records[0].get("full_name"), Some("Adel, Mona"));
            assert_eq!((records[0].get("phone"), records[0].get("email")), (Some("0100"), None));
            assert_eq!(records[0].line, 2);
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        for (bytes, line, field, code) in [
            (&b"full_name\nMona\nJos\xe9\n"[..], 3, "", "encoding_not_utf8"),
            (b"\xff\xfef\0u\0", 1, "", "encoding_utf16"),
            (b"full_name,shoe_size\nMona,38\n", 1, "shoe_size", "column_unknown"),
            (b"full_name,Full Name\nMona,Mona\n", 1, "full_name", "column_twice"),
            (b"phone\n0100\n", 1, "full_name", "column_missing"),
            (b"", 1, "full_name", "column_missing"),
        ] {
            assert_eq!(read(bytes, MEMBERS).expect_err("unreadable"), Finding::error(line, field, code));
        }
    }

    #[test]
    fn a_line_with_too_few_fields_is_left_out_alone() {
        let (records, findings) = read(b"full_name,phone\nMona\n\n\nAdel,0100\n", MEMBERS).expect("readable");
        assert_eq!(records.iter().map(|record| record.line).collect::<Vec<_>>(), [5]);
        assert_eq!(findings, [Finding::error(2, "", "wrong_number_of_fields")]);
    }
}
