//! Member numbers: branch code, running number, check digit. Typed at the desk when the camera fails, so one
//! wrong digit or two swapped ones must never open the door for somebody else.

/// Quasigroup of order 10 from H. M. Damm, "Total anti-symmetrische Quasigruppen" (dissertation, Marburg 2004).
const DAMM: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

/// Check digit over ASCII digits; other characters do not count. 0 over a number that ends in its check digit.
pub fn damm(digits: &str) -> u8 {
    digits
        .bytes()
        .filter(u8::is_ascii_digit)
        .fold(0, |interim, digit| DAMM[usize::from(interim)][usize::from(digit - b'0')])
}

/// The number of the `sequence`-th member of the branch with this code: at least seven digits.
pub fn member_number(branch_code: &str, sequence: i64) -> String {
    let body = format!("{branch_code}{sequence:05}");
    let check = damm(&body);
    format!("{body}{check}")
}

/// True when the check digit of a typed number fits. A number that fits may still belong to nobody.
pub fn fits(number: &str) -> bool {
    number.len() >= 7 && number.bytes().all(|byte| byte.is_ascii_digit()) && damm(number) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_published_example_has_check_digit_four() {
        assert_eq!(damm("572"), 4);
        assert_eq!(damm("5724"), 0);
    }

    #[test]
    fn a_number_is_branch_code_sequence_and_check_digit() {
        assert_eq!(member_number("1", 42), format!("100042{}", damm("100042")));
        assert!(fits(&member_number("12", 1)));
        assert!(!fits("0000000a") && !fits("00") && !fits(""));
    }

    proptest! {
        #[test]
        fn one_wrong_digit_is_always_noticed(code in "[0-9]{1,3}", sequence in 1i64..10_000_000, at in 0usize..20, digit in 0u8..10) {
            let number = member_number(&code, sequence);
            let mut typed = number.clone().into_bytes();
            let at = at % typed.len();
            typed[at] = b'0' + digit;
            let typed = String::from_utf8(typed).expect("digits");
            prop_assert_eq!(fits(&typed), typed == number);
        }

        #[test]
        fn two_swapped_neighbours_are_always_noticed(code in "[0-9]{1,3}", sequence in 1i64..10_000_000, at in 0usize..20) {
            let number = member_number(&code, sequence);
            let mut typed = number.clone().into_bytes();
            let at = at % (typed.len() - 1);
            typed.swap(at, at + 1);
            let typed = String::from_utf8(typed).expect("digits");
            prop_assert_eq!(fits(&typed), typed == number);
        }
    }
}
