use super::*;
use proptest::prelude::*;

fn cash(kind: MovementKind, amount: i64) -> Movement {
    Movement { kind, method: Method::Cash, amount }
}

fn paid(amount: i64) -> Movement {
    cash(MovementKind::Payment, amount)
}

fn card(amount: i64) -> Movement {
    Movement { method: Method::CardTerminal, ..paid(amount) }
}

fn lines(lines: &[(i64, i64)]) -> Counted {
    Counted::Lines(lines.iter().map(|(minor, count)| CountLine { minor: *minor, count: *count }).collect())
}

fn nothing() -> Counted {
    lines(&[])
}

/// Kind, rows and note of each cause found.
fn found(rows: &[Movement], counted: &Counted, variance: i64) -> Vec<(CauseKind, Vec<usize>, Option<i64>)> {
    let causes = variance_causes(rows, counted, "EGP", variance);
    causes.into_iter().map(|cause| (cause.kind, cause.rows, cause.minor)).collect()
}

#[test]
fn a_drawer_that_fits_has_no_cause() {
    assert_eq!(found(&[paid(75_000)], &nothing(), 0), []);
}

/// The usual mistakes at a till, each with the sum that shows it.
#[test]
fn each_mistake_is_named_first() {
    use CauseKind as K;
    use MovementKind as M;
    let shift = [paid(75_000), card(41_000), paid(13_700), cash(M::CashOut, 32_300), cash(M::Refund, 5_300)];
    for (mistake, counted, variance, expected) in [
        ("750.00 booked in cash, paid by card", nothing(), -75_000, (K::Exact, vec![0], None)),
        ("cash out of 323.00 booked, never taken", nothing(), 32_300, (K::Exact, vec![3], None)),
        ("refund of 53.00 booked, never handed back", nothing(), 5_300, (K::Exact, vec![4], None)),
        ("410.00 booked by card, paid in cash", nothing(), 41_000, (K::SwappedMethod, vec![1], None)),
        // 21 notes of 10 written down as 12: 9 × 10.00 less than there is.
        ("21 written as 12", lines(&[(1_000, 12)]), -9_000, (K::TransposedCount, vec![], Some(1_000))),
        // Written down as 31 where 13 are there: 18 × 0.50 more.
        ("13 written as 31", lines(&[(50, 31)]), 900, (K::TransposedCount, vec![], Some(50))),
        // Cash in of 323.00 booked as cash out: 2 × 323.00 more.
        ("cash in booked as cash out", nothing(), 64_600, (K::WrongWay, vec![3], None)),
        // 173.00 handed over, 137.00 typed: 36.00 more.
        ("173 typed as 137", nothing(), 3_600, (K::TransposedAmount, vec![2], None)),
        ("a note of 200 overlooked", nothing(), -20_000, (K::NoteMissed, vec![], Some(20_000))),
        ("a note of 50 counted twice", nothing(), 5_000, (K::NoteTwice, vec![], Some(5_000))),
        // 750.00 and 137.00 booked in cash, both paid by card.
        ("two paid by card", nothing(), -88_700, (K::Together, vec![0, 2], None)),
        // 410.00 by card in truth cash, cash out of 323.00 and refund of 53.00 never taken.
        ("three at once", nothing(), 78_600, (K::Together, vec![1, 3, 4], None)),
        // 63 × 1.00: 7 × 9.
        ("looks like swapped digits", nothing(), -6_300, (K::Transposed, vec![], None)),
    ] {
        assert_eq!(found(&shift, &counted, variance).first(), Some(&expected), "{mistake}");
    }
}

#[test]
fn a_sum_with_swapped_digits_is_seen_where_no_notes_are_counted() {
    // 9,413.00 in the drawer, 9,143.00 written down.
    let causes = found(&[], &Counted::Total(914_300), -27_000);
    assert_eq!(causes, [(CauseKind::TransposedCount, vec![], None)]);
}

#[test]
fn a_difference_that_fits_nothing_has_no_cause() {
    assert_eq!(found(&[paid(75_000), card(41_000)], &lines(&[(20_000, 3)]), -1_234), []);
}

#[test]
fn exact_rows_come_before_a_note_and_before_sums() {
    let shift = [paid(20_000), paid(5_000), paid(15_000), card(3)];
    let kinds: Vec<CauseKind> =
        variance_causes(&shift, &nothing(), "EGP", -20_000).into_iter().map(|cause| cause.kind).collect();
    assert_eq!(kinds, [CauseKind::Exact, CauseKind::NoteMissed, CauseKind::Together]);
}

#[test]
fn neighbouring_digits_are_swapped_without_losing_one() {
    let swapped = |number| neighbours_swapped(number).collect::<Vec<_>>();
    assert_eq!(swapped(1_203), [1_230, 1_023, 2_103]);
    for number in [0, 7, 10, 55] {
        assert!(swapped(number).is_empty(), "{number}");
    }
    assert!(swapped(i64::MAX).iter().all(|number| *number < i64::MAX), "nothing overflows");
}

#[test]
fn a_count_is_added_up() {
    let counted = lines(&[(20_000, 3), (5_000, 1), (25, 4)]);
    assert_eq!(sum_of_count("EGP", &counted).expect("a sum"), 65_100);
    assert_eq!(sum_of_count("XAF", &Counted::Total(1_500)).expect("a sum"), 1_500);
    assert_eq!(sum_of_count("EGP", &nothing()).expect("a sum"), 0);
    assert_eq!(sum_of_count("EGP", &Counted::Total(LARGEST_MINOR)).expect("a sum"), LARGEST_MINOR);
}

#[test]
fn what_cannot_be_counted_is_refused() {
    for (currency, counted, expected) in [
        ("EGP", lines(&[(30_000, 1)]), "denomination_unknown"),
        ("KWD", lines(&[(25, 1)]), "denomination_unknown"),
        ("XAF", lines(&[(1_000, 1)]), "denomination_unknown"),
        ("EGP", lines(&[(500, 1), (500, 2)]), "denomination_twice"),
        ("EGP", lines(&[(500, -1)]), "out_of_range"),
        ("EGP", lines(&[(500, 100_001)]), "out_of_range"),
        ("EGP", lines(&[(500, i64::MAX)]), "out_of_range"),
        ("EGP", Counted::Total(-1), "amount_negative"),
        ("EGP", Counted::Total(LARGEST_MINOR + 1), "amount_too_large"),
    ] {
        match sum_of_count(currency, &counted) {
            Err(Error::Invalid { field: "counted", code, .. }) => assert_eq!(code, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn the_drawer_holds_the_float_and_what_moved() {
    let flow = CashFlow { float: 500, payments: 300, refunds: 40, cash_in: 100, cash_out: 600, expenses: 7 };
    assert_eq!(flow.expected(), 253);
}

fn movements() -> impl Strategy<Value = Vec<Movement>> {
    let kind = prop::sample::select(vec![
        MovementKind::Payment,
        MovementKind::Refund,
        MovementKind::CashIn,
        MovementKind::CashOut,
        MovementKind::Expense,
    ]);
    let method = prop::sample::select(vec![Method::Cash, Method::CardTerminal, Method::Upi]);
    let one = (kind, method, 1..200_000_i64).prop_map(|(kind, method, amount)| {
        let only_cash = !matches!(kind, MovementKind::Payment | MovementKind::Refund);
        Movement { kind, method: if only_cash { Method::Cash } else { method }, amount }
    });
    prop::collection::vec(one, 1..40)
}

proptest! {
    #[test]
    fn a_row_that_never_moved_is_always_among_the_causes(rows in movements(), pick in any::<prop::sample::Index>()) {
        let at = pick.index(rows.len());
        let same = rows.iter().filter(|row| row.if_wrong() == rows[at].if_wrong()).count();
        prop_assume!(same <= MOST_OF_EACH);
        let causes = variance_causes(&rows, &nothing(), "EGP", rows[at].if_wrong());
        prop_assert!(causes.iter().any(|cause| cause.rows == [at]));
    }

    #[test]
    fn rows_named_together_make_the_variance_to_the_unit(rows in movements(), variance in -400_000..400_000_i64) {
        for cause in variance_causes(&rows, &nothing(), "EGP", variance) {
            let sum: i64 = cause.rows.iter().map(|row| rows[*row].if_wrong()).sum();
            match cause.kind {
                CauseKind::Exact | CauseKind::SwappedMethod => prop_assert_eq!(sum, variance),
                CauseKind::Together => {
                    prop_assert!((2..=3).contains(&cause.rows.len()));
                    prop_assert_eq!(sum, variance);
                }
                CauseKind::WrongWay => prop_assert_eq!(sum * 2, variance),
                CauseKind::TransposedAmount => prop_assert_eq!(variance % 9, 0),
                _ => prop_assert!(cause.rows.is_empty()),
            }
        }
    }

    #[test]
    fn two_rows_that_never_moved_are_found(rows in movements(), one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>()) {
        let (one, other) = (one.index(rows.len()), other.index(rows.len()));
        let (a, b) = (rows[one].if_wrong(), rows[other].if_wrong());
        prop_assume!(one != other && a.signum() == b.signum());
        prop_assert!(!variance_causes(&rows, &nothing(), "EGP", a + b).is_empty());
    }

    #[test]
    fn causes_come_in_the_order_of_their_likeliness(rows in movements(), variance in -400_000..400_000_i64) {
        let causes = variance_causes(&rows, &nothing(), "EGP", variance);
        prop_assert!(causes.is_sorted_by_key(|cause| cause.kind));
        prop_assert!(causes.len() <= 40);
        prop_assert_eq!(variance_causes(&rows, &nothing(), "EGP", variance), causes);
    }
}
