//! Rows by `copy … to stdout (format binary)`: the quickest way to read tables through. The rows are judged on a
//! thread of their own while the next ones arrive.
use crate::error::Error;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures_util::TryStreamExt;
use sqlx::PgConnection;
use std::mem;
use std::ops::Range;
use tokio::sync::mpsc;
use uuid::Uuid;

/// Bytes handed over at once, and how often that may be ahead of the judging.
const BLOCK: usize = 256 << 10;
const BLOCKS: usize = 4;
/// What a binary copy begins with; flags and the length of an extension follow, four bytes each.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
const HEADER: usize = SIGNATURE.len() + 8;

/// Runs the query, a whole `copy` command, and lets its rows be judged.
pub async fn read<T: Send + 'static>(
    db: &mut PgConnection,
    query: &str,
    judge: impl FnOnce(&mut Rows) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (blocks, rows) = mpsc::channel(BLOCKS);
    let judging = tokio::task::spawn_blocking(move || {
        let mut rows = Rows { blocks: rows, buffer: Vec::new(), at: 0, begun: false, fields: Vec::new() };
        let judgement = judge(&mut rows);
        // A copy is read to its end, whatever was found: the connection is of no use before.
        while rows.blocks.blocking_recv().is_some() {}
        judgement
    });
    let mut stream = db.copy_out_raw(query).await?;
    let mut block = Vec::with_capacity(BLOCK);
    while let Some(bytes) = stream.try_next().await? {
        block.extend_from_slice(&bytes);
        if block.len() >= BLOCK {
            let full = mem::replace(&mut block, Vec::with_capacity(BLOCK));
            blocks.send(full).await.map_err(|_| broke_off())?;
        }
    }
    blocks.send(block).await.map_err(|_| broke_off())?;
    drop(blocks);
    judging.await.map_err(|error| Error::Internal(error.to_string()))?
}

fn broke_off() -> Error {
    Error::Internal("reading the books broke off".to_owned())
}

/// Rows as they come.
pub struct Rows {
    blocks: mpsc::Receiver<Vec<u8>>,
    buffer: Vec<u8>,
    at: usize,
    begun: bool,
    /// Of the row that was parsed last; none for null.
    fields: Vec<Option<Range<usize>>>,
}

enum Parsed {
    Row {
        end: usize,
    },
    End,
    /// The rest of it has not arrived.
    Part,
}

impl Rows {
    /// The next row; none at the end.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, Error> {
        loop {
            match self.parse()? {
                Parsed::Row { end } => {
                    self.at = end;
                    return Ok(Some(Row { bytes: &self.buffer, fields: &self.fields }));
                }
                Parsed::End => return Ok(None),
                Parsed::Part => {
                    let block = self.blocks.blocking_recv().ok_or_else(broke_off)?;
                    self.buffer.drain(..self.at);
                    self.at = 0;
                    self.buffer.extend_from_slice(&block);
                }
            }
        }
    }

    fn parse(&mut self) -> Result<Parsed, Error> {
        if !self.begun {
            if self.buffer.len() < HEADER {
                return Ok(Parsed::Part);
            }
            if !self.buffer.starts_with(SIGNATURE) {
                return Err(Error::Internal("not a binary copy".to_owned()));
            }
            self.at = HEADER;
            self.begun = true;
        }
        let mut at = self.at;
        let Some(count) = self.take(&mut at).map(i16::from_be_bytes) else { return Ok(Parsed::Part) };
        // Minus one ends the copy.
        let Ok(count) = usize::try_from(count) else { return Ok(Parsed::End) };
        self.fields.clear();
        for _ in 0..count {
            let Some(length) = self.take(&mut at).map(i32::from_be_bytes) else { return Ok(Parsed::Part) };
            // Minus one is null.
            let field = usize::try_from(length).ok().map(|length| at..at + length);
            at = field.as_ref().map_or(at, |field| field.end);
            if at > self.buffer.len() {
                return Ok(Parsed::Part);
            }
            self.fields.push(field);
        }
        Ok(Parsed::Row { end: at })
    }

    fn take<const N: usize>(&self, at: &mut usize) -> Option<[u8; N]> {
        let bytes = self.buffer.get(*at..*at + N)?.try_into().ok()?;
        *at += N;
        Some(bytes)
    }
}

/// One row; columns count from zero.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    bytes: &'a [u8],
    fields: &'a [Option<Range<usize>>],
}

impl<'a> Row<'a> {
    /// None for null.
    pub fn bytes(&self, column: usize) -> Option<&'a [u8]> {
        let field = self.fields.get(column)?.clone()?;
        self.bytes.get(field)
    }

    fn exactly<const N: usize>(&self, column: usize) -> Result<Option<[u8; N]>, Error> {
        self.bytes(column)
            .map(|bytes| {
                bytes.try_into().map_err(|_| Error::Internal(format!("column {column} of another type")))
            })
            .transpose()
    }

    pub fn uuid(&self, column: usize) -> Result<Option<Uuid>, Error> {
        Ok(self.exactly(column)?.map(Uuid::from_bytes))
    }

    pub fn int(&self, column: usize) -> Result<Option<i64>, Error> {
        Ok(self.exactly(column)?.map(i64::from_be_bytes))
    }

    /// Empty for null.
    pub fn text(&self, column: usize) -> Result<&'a str, Error> {
        let bytes = self.bytes(column).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|error| Error::Internal(error.to_string()))
    }

    /// Microseconds since 2000.
    pub fn instant(&self, column: usize) -> Result<DateTime<Utc>, Error> {
        let micros = self.int(column)?.unwrap_or_default();
        let midnight = millennium().and_hms_opt(0, 0, 0).unwrap_or_default().and_utc();
        midnight.checked_add_signed(TimeDelta::microseconds(micros)).ok_or_else(broke_off)
    }

    /// Days since 2000.
    pub fn day(&self, column: usize) -> Result<NaiveDate, Error> {
        let days = self.exactly(column)?.map(i32::from_be_bytes).unwrap_or_default();
        millennium().checked_add_signed(TimeDelta::days(i64::from(days))).ok_or_else(broke_off)
    }
}

/// Where the database's calendar begins.
fn millennium() -> NaiveDate {
    NaiveDate::from_ymd_opt(2000, 1, 1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Header, two rows of a text and a number or null, end.
    fn two_rows() -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0; 8]);
        for (text, number) in [("cash", Some(7_i64)), ("منى", None)] {
            bytes.extend(2_i16.to_be_bytes());
            bytes.extend(i32::try_from(text.len()).unwrap().to_be_bytes());
            bytes.extend(text.as_bytes());
            match number {
                Some(number) => {
                    bytes.extend(8_i32.to_be_bytes());
                    bytes.extend(number.to_be_bytes());
                }
                None => bytes.extend((-1_i32).to_be_bytes()),
            }
        }
        bytes.extend((-1_i16).to_be_bytes());
        bytes
    }

    fn rows(pieces: Vec<Vec<u8>>) -> Rows {
        let (sender, blocks) = mpsc::channel(pieces.len().max(1));
        for piece in pieces {
            sender.try_send(piece).unwrap();
        }
        Rows { blocks, buffer: Vec::new(), at: 0, begun: false, fields: Vec::new() }
    }

    #[test]
    fn rows_are_whole_however_they_arrive_in_pieces() {
        let bytes = two_rows();
        for size in [1, 2, 3, 7, bytes.len()] {
            let mut rows = rows(bytes.chunks(size).map(<[u8]>::to_vec).collect());
            let first = rows.next_row().unwrap().unwrap();
            assert_eq!((first.text(0).unwrap(), first.int(1).unwrap()), ("cash", Some(7)));
            let second = rows.next_row().unwrap().unwrap();
            assert_eq!((second.text(0).unwrap(), second.int(1).unwrap()), ("منى", None));
            assert!(rows.next_row().unwrap().is_none());
        }
    }

    #[test]
    fn a_copy_that_breaks_off_is_an_error_and_no_end() {
        let bytes = two_rows();
        let mut rows = rows(vec![bytes[..bytes.len() - 4].to_vec()]);
        assert!(rows.next_row().unwrap().is_some());
        assert!(rows.next_row().is_err());
    }
}
