//! When a branch was without its headquarters; pure.
use chrono::{DateTime, TimeDelta, Utc};

/// Silence that is longer counts as an outage. Well beyond the relay's longest pause between two tries, so that one lost
/// try is none.
pub const SILENCE: TimeDelta = TimeDelta::minutes(5);
/// Without a round for so long the desk says offline, although none has failed: nothing runs the relay.
const UNHEARD: TimeDelta = TimeDelta::minutes(2);
/// A round that headquarters has answered may take so long, as after a long outage, and is contact all the while.
const LONGEST_ROUND: TimeDelta = TimeDelta::minutes(30);

/// An outage: from the last round that was done before it to the first that was done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    pub began: DateTime<Utc>,
    pub ended: DateTime<Utc>,
}

/// Whether a round that is done at `done` ends an outage. Of two rounds that follow one another it is the time between,
/// where that is longer than [`SILENCE`]; it does not matter why there was none: no network, no headquarters, or a
/// machine that was off. The first round of all ends none, and neither does one after the clock was put back.
pub fn ended(last: Option<DateTime<Utc>>, done: DateTime<Utc>) -> Option<Outage> {
    let began = last?;
    (done - began > SILENCE).then_some(Outage { began, ended: done })
}

/// What is known about the rounds of a branch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contact {
    /// When a round last began that headquarters answered.
    pub reached: Option<DateTime<Utc>>,
    /// When a round was last done.
    pub done: Option<DateTime<Utc>>,
    /// Rounds have failed since then.
    pub failing: bool,
}

/// Whether headquarters is within reach, as far as anybody can tell.
pub fn in_contact(contact: Contact, now: DateTime<Utc>) -> bool {
    let under_way = contact
        .reached
        .is_some_and(|began| contact.done.is_none_or(|done| done < began) && now - began <= LONGEST_ROUND);
    !contact.failing && (under_way || contact.done.is_some_and(|done| now - done <= UNHEARD))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_780_000_000 + seconds, 0).expect("a moment")
    }

    #[test]
    fn five_minutes_of_silence_are_no_outage_and_a_second_more_is_one() {
        assert_eq!(ended(None, at(0)), None);
        assert_eq!(ended(Some(at(0)), at(300)), None);
        assert_eq!(ended(Some(at(0)), at(301)), Some(Outage { began: at(0), ended: at(301) }));
        assert_eq!(ended(Some(at(0)), at(-3_600)), None);
    }

    #[test]
    fn contact_ends_with_a_failure_or_with_silence_and_not_with_a_long_round() {
        let done = Contact { reached: Some(at(0)), done: Some(at(1)), failing: false };
        assert!(in_contact(done, at(60)));
        assert!(!in_contact(Contact { failing: true, ..done }, at(2)));
        assert!(!in_contact(done, at(122)));
        let long = Contact { reached: Some(at(100)), ..done };
        assert!(in_contact(long, at(600)));
        assert!(!in_contact(long, at(2_000)), "whoever ran it is gone");
        assert!(!in_contact(Contact::default(), at(0)));
    }

    proptest! {
        /// Whatever the pauses between rounds are, outages lie one after the other, are longer than the silence that is
        /// none, and no longer pause is without one.
        #[test]
        fn outages_are_the_long_pauses(pauses in prop::collection::vec(-600_i64..2_000, 1..40)) {
            let mut now = 0;
            let mut last = None;
            let mut found = Vec::new();
            for pause in &pauses {
                now += pause;
                found.extend(ended(last, at(now)));
                last = Some(at(now));
            }
            prop_assert!(found.iter().all(|outage| outage.ended - outage.began > SILENCE));
            let long = pauses[1..].iter().filter(|pause| **pause > SILENCE.num_seconds()).count();
            prop_assert_eq!(found.len(), long);
        }
    }
}
