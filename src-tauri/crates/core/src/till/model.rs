//! What a drawer should hold, what was counted, and where a difference may come from.
use crate::error::Error;
use crate::money::LARGEST_MINOR;
use crate::payments::wire::Method;
use crate::till::denominations;
use crate::till::wire::{CauseKind, CountLine, Counted, MovementKind};

/// Notes or coins of one kind in one drawer at most.
const MOST_OF_A_KIND: i64 = 100_000;

/// The sum of a count, in minor units.
///
/// # Errors
/// [`Error::Invalid`] in `counted` with `denomination_unknown`, `denomination_twice`, `out_of_range`,
/// `amount_negative` or `amount_too_large`.
pub fn sum_of_count(currency: &str, counted: &Counted) -> Result<i64, Error> {
    let refused = |code| Err(Error::invalid("counted", code));
    let sum = match counted {
        Counted::Total(total) => i128::from(*total),
        Counted::Lines(lines) => {
            let known = denominations::of(currency);
            for (index, line) in lines.iter().enumerate() {
                if !known.contains(&line.minor) {
                    return refused("denomination_unknown");
                }
                if lines[..index].iter().any(|other| other.minor == line.minor) {
                    return refused("denomination_twice");
                }
                if !(0..=MOST_OF_A_KIND).contains(&line.count) {
                    return refused("out_of_range");
                }
            }
            lines.iter().map(|line| i128::from(line.minor) * i128::from(line.count)).sum()
        }
    };
    match i64::try_from(sum) {
        Ok(sum) if sum < 0 => refused("amount_negative"),
        Ok(sum) if sum <= LARGEST_MINOR => Ok(sum),
        _ => refused("amount_too_large"),
    }
}

/// Money that went through a shift, in minor units, none of it below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CashFlow {
    pub float: i64,
    pub payments: i64,
    pub refunds: i64,
    pub cash_in: i64,
    pub cash_out: i64,
    pub expenses: i64,
}

impl CashFlow {
    /// What the drawer holds when nothing went wrong; below zero when more was taken out than came in.
    pub fn expected(&self) -> i64 {
        self.float + self.payments - self.refunds + self.cash_in - self.cash_out - self.expenses
    }
}

/// One row of a shift, as the search for causes sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    pub kind: MovementKind,
    pub method: Method,
    /// Above zero.
    pub amount: i64,
}

impl Movement {
    /// What the drawer gains when this happens in cash.
    fn as_cash(&self) -> i64 {
        match self.kind {
            MovementKind::Payment | MovementKind::CashIn => self.amount,
            MovementKind::Refund | MovementKind::CashOut | MovementKind::Expense => -self.amount,
        }
    }

    fn is_cash(&self) -> bool {
        self.method == Method::Cash
    }

    /// The variance that is left when this row alone does not tell what happened: booked as cash and no money
    /// moved, or booked otherwise and the money moved in cash.
    fn if_wrong(&self) -> i64 {
        if self.is_cash() { -self.as_cash() } else { self.as_cash() }
    }
}

/// Something that explains a variance to the last unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    pub kind: CauseKind,
    /// Positions in the rows given.
    pub rows: Vec<usize>,
    /// The note or coin it is about.
    pub minor: Option<i64>,
}

/// Rows that are looked at; sums of three of them are a million.
pub const MOST_ROWS: usize = 200;
/// Causes named of each kind: a longer list helps nobody.
const MOST_OF_EACH: usize = 5;

/// What may explain that `variance` more was counted than expected (below zero: less), likeliest first. The rows'
/// own order decides between causes of a kind; only the first [`MOST_ROWS`] rows count.
pub fn variance_causes(rows: &[Movement], counted: &Counted, currency: &str, variance: i64) -> Vec<Cause> {
    if variance == 0 {
        return Vec::new();
    }
    let rows = &rows[..rows.len().min(MOST_ROWS)];
    let notes = denominations::of(currency);
    let mut causes = single_rows(rows, CauseKind::Exact, |row| row.is_cash() && row.if_wrong() == variance);
    causes.extend(single_rows(rows, CauseKind::SwappedMethod, |row| {
        !row.is_cash() && row.if_wrong() == variance
    }));
    causes.extend(transposed_counts(counted, variance));
    causes.extend(single_rows(rows, CauseKind::WrongWay, |row| {
        row.is_cash() && row.if_wrong().checked_mul(2) == Some(variance)
    }));
    causes.extend(single_rows(rows, CauseKind::TransposedAmount, |row| {
        // What was typed against what was handed over.
        let sign = row.as_cash().signum();
        row.is_cash() && neighbours_swapped(row.amount).any(|real| sign * (real - row.amount) == variance)
    }));
    if notes.contains(&variance.abs()) {
        let kind = if variance < 0 { CauseKind::NoteMissed } else { CauseKind::NoteTwice };
        causes.push(Cause { kind, rows: Vec::new(), minor: Some(variance.abs()) });
    }
    causes.extend(together(rows, variance));
    let is_transposed =
        |cause: &Cause| matches!(cause.kind, CauseKind::TransposedCount | CauseKind::TransposedAmount);
    if looks_transposed(variance) && !causes.iter().any(is_transposed) {
        causes.push(Cause { kind: CauseKind::Transposed, rows: Vec::new(), minor: None });
    }
    causes
}

fn single_rows(rows: &[Movement], kind: CauseKind, fits: impl Fn(&Movement) -> bool) -> Vec<Cause> {
    let found = rows.iter().enumerate().filter(|(_, row)| fits(row));
    found.take(MOST_OF_EACH).map(|(index, _)| Cause { kind, rows: vec![index], minor: None }).collect()
}

/// A line of the count, or its sum, that fits with two neighbouring digits swapped.
fn transposed_counts(counted: &Counted, variance: i64) -> Vec<Cause> {
    match counted {
        Counted::Total(total) => {
            let fits = neighbours_swapped(*total).any(|real| total - real == variance);
            fits.then_some(Cause { kind: CauseKind::TransposedCount, rows: Vec::new(), minor: None })
                .into_iter()
                .collect()
        }
        Counted::Lines(lines) => {
            let fits = |line: &&CountLine| {
                neighbours_swapped(line.count).any(|real| line.minor * (line.count - real) == variance)
            };
            let cause = |line: &CountLine| Cause {
                kind: CauseKind::TransposedCount,
                rows: Vec::new(),
                minor: Some(line.minor),
            };
            lines.iter().filter(fits).take(MOST_OF_EACH).map(cause).collect()
        }
    }
}

/// The number with each pair of neighbouring digits swapped in turn: 1203 gives 2103, 1023 and 1230.
fn neighbours_swapped(number: i64) -> impl Iterator<Item = i64> {
    // The place value of the right one of the two digits; a power of ten above the number ends it.
    let places = std::iter::successors(Some(1_i64), |place| place.checked_mul(10));
    places.take_while(move |place| place.checked_mul(10).is_some_and(|next| next <= number)).filter_map(
        move |place| {
            let (right, left) = (number / place % 10, number / (place * 10) % 10);
            // With a nought in front it would be a shorter number, which nobody mistakes for this one.
            let leads = number / (place * 10) < 10;
            if left == right || (leads && right == 0) {
                None
            } else {
                number.checked_add((right - left) * 9 * place)
            }
        },
    )
}

/// True for a digit times nine times a power of ten, which is what swapping two neighbouring digits changes.
fn looks_transposed(variance: i64) -> bool {
    let mut rest = variance.unsigned_abs();
    while rest > 0 && rest.is_multiple_of(10) {
        rest /= 10;
    }
    rest > 0 && rest.is_multiple_of(9) && rest / 9 <= 9
}

/// Two or three rows that only together make the variance, each of them wrong in its direction.
fn together(rows: &[Movement], variance: i64) -> Vec<Cause> {
    let parts: Vec<(usize, i64)> = rows
        .iter()
        .map(Movement::if_wrong)
        .enumerate()
        .filter(|(_, part)| part.signum() == variance.signum() && part.abs() < variance.abs())
        .collect();
    let (mut pairs, mut triples) = (Vec::new(), Vec::new());
    let cause = |rows| Cause { kind: CauseKind::Together, rows, minor: None };
    for (first, (a, one)) in parts.iter().enumerate() {
        for (second, (b, two)) in parts.iter().enumerate().skip(first + 1) {
            let left = variance - one - two;
            if left == 0 && pairs.len() < MOST_OF_EACH {
                pairs.push(cause(vec![*a, *b]));
            }
            if triples.len() == MOST_OF_EACH || left.signum() != variance.signum() {
                continue;
            }
            let third = parts[second + 1..].iter().find(|(_, part)| *part == left);
            triples.extend(third.map(|(c, _)| cause(vec![*a, *b, *c])));
        }
    }
    // Fewer mistakes at once are likelier.
    pairs.append(&mut triples);
    pairs
}

#[cfg(test)]
mod tests;
