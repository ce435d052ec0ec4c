//! The relay's rules, pure.
use super::wire::Pushed;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

/// What headquarters reads at once; a larger batch is refused unread.
pub const LARGEST: usize = 32 * 1024 * 1024;

/// The longest pause between two attempts to reach a headquarters that does not answer.
const LONGEST: TimeDelta = TimeDelta::minutes(2);
/// The pause after the first failure.
const SHORTEST: TimeDelta = TimeDelta::seconds(1);

/// The pause after so many failures in a row: twice the one before, up to two minutes, and shortened by up to a half so
/// that the branches of a headquarters that comes back do not all arrive at once. `draw` is any random number.
pub fn back_off(failures: u32, draw: u32) -> TimeDelta {
    let longest = LONGEST.num_milliseconds();
    let whole = SHORTEST
        .num_milliseconds()
        .checked_shl(failures.saturating_sub(1).min(16))
        .map_or(longest, |pause| pause.min(longest));
    let half = whole / 2;
    TimeDelta::milliseconds(half + i64::from(draw) % (half + 1))
}

/// How many times as long as a batch took a long queue rests after it, while somebody works at the desk.
const RESTS: u32 = 9;
/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(2);

/// The pause after a batch that took so long, while somebody works at the desk: nine tenths of the time are the desk's.
pub fn rest(took: Duration) -> Duration {
    took.saturating_mul(RESTS).min(LONGEST_REST)
}

/// How much is sent and read at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub events: i32,
    /// Of a batch's rows as text; one larger event goes alone.
    pub bytes: i64,
    pub rows: i32,
}

impl Default for Limits {
    /// Small enough that a cut loses a second of work, large enough that headquarters takes many rows at a time.
    fn default() -> Self {
        Self { events: 2_000, bytes: 8 * 1024 * 1024, rows: 1_000 }
    }
}

/// An event of the queue, in the parts that go over the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queued {
    pub id: Uuid,
    pub seq: i64,
    pub tbl: String,
    /// `insert`, `update` or `delete`.
    pub op: String,
    /// The row as it has become, JSON; of one that was deleted, as it was.
    pub row: String,
    /// What an edit started from, JSON.
    pub base: Option<String>,
    pub at: DateTime<Utc>,
    /// The transaction at the branch; none for what was queued in one that is larger than a batch.
    pub xid: Option<String>,
    /// How often headquarters has put it off, and for how long, in seconds.
    pub waits: i32,
    pub waited: i64,
}

impl Queued {
    /// Bytes, or a little more.
    fn size(&self) -> usize {
        self.row.len() + self.base.as_ref().map_or(0, String::len) + 200
    }
}

/// A batch as headquarters reads it: a column for each part of its events.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    pub ids: Vec<Uuid>,
    pub seqs: Vec<i64>,
    pub tbls: Vec<&'a str>,
    pub ops: Vec<&'a str>,
    pub rows: Vec<&'a str>,
    pub bases: Vec<Option<&'a str>>,
    pub ats: Vec<DateTime<Utc>>,
    pub xids: Vec<Option<&'a str>>,
    pub waits: Vec<i32>,
    pub waited: Vec<i64>,
}

/// Events by column.
pub fn written(events: &[Queued]) -> Batch<'_> {
    Batch {
        ids: events.iter().map(|event| event.id).collect(),
        seqs: events.iter().map(|event| event.seq).collect(),
        tbls: events.iter().map(|event| event.tbl.as_str()).collect(),
        ops: events.iter().map(|event| event.op.as_str()).collect(),
        rows: events.iter().map(|event| event.row.as_str()).collect(),
        bases: events.iter().map(|event| event.base.as_deref()).collect(),
        ats: events.iter().map(|event| event.at).collect(),
        xids: events.iter().map(|event| event.xid.as_deref()).collect(),
        waits: events.iter().map(|event| event.waits).collect(),
        waited: events.iter().map(|event| event.waited).collect(),
    }
}

/// A batch that headquarters reads, and events that it would refuse each for itself. What fits in neither stays for the
/// next batch.
pub fn fitting(events: Vec<Queued>) -> (Vec<Queued>, Vec<Queued>) {
    let (mut fits, mut too_large, mut size) = (Vec::with_capacity(events.len()), Vec::new(), 0);
    for event in events {
        let length = event.size();
        if length > LARGEST {
            too_large.push(event);
        } else if size + length <= LARGEST {
            size += length;
            fits.push(event);
        } else {
            // In their order: what comes later may refer to this one.
            break;
        }
    }
    (fits, too_large)
}

/// What of a batch was plainly taken: all that has no answer of its own. None when the answers are not those to this batch.
pub fn plainly_taken(batch: &[Uuid], pushed: &Pushed) -> Option<Vec<Uuid>> {
    let named: HashSet<Uuid> =
        pushed.answers.iter().filter_map(|event| event.id.as_str()?.parse().ok()).collect();
    let taken: Vec<Uuid> = batch.iter().filter(|id| !named.contains(id)).copied().collect();
    (taken.len() == pushed.ok && taken.len() + pushed.answers.len() == batch.len()).then_some(taken)
}

#[cfg(test)]
mod tests {
    use super::super::wire::Event;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_batch_is_never_larger_than_headquarters_reads() {
        let text = |megabytes: usize| Queued { row: "x".repeat(megabytes << 20), ..Queued::default() };
        let sizes =
            |events: &[Queued]| events.iter().map(|queued| queued.row.len() >> 20).collect::<Vec<_>>();
        let (fits, too_large) = fitting(vec![text(1), text(40), text(20), text(15), text(1)]);
        assert_eq!((sizes(&fits), sizes(&too_large)), (vec![1, 20], vec![40]));
        let (fits, too_large) = fitting(vec![text(31); 3]);
        assert_eq!((fits.len(), too_large.len()), (1, 0));
        assert_eq!(fitting(vec![text(32)]).1.len(), 1, "what is around it makes it too large");
        let edit = Queued { base: Some("x".repeat(16 << 20)), ..text(16) };
        assert_eq!(fitting(vec![edit]).1.len(), 1, "with what it started from");
    }

    #[test]
    fn nine_tenths_of_the_time_are_the_desks_but_no_rest_is_longer_than_two_seconds() {
        let rests: Vec<_> =
            [0, 1, 100, 222, 223, 60_000].map(|took| rest(Duration::from_millis(took)).as_millis()).into();
        assert_eq!(rests, [0, 9, 900, 1_998, 2_000, 2_000]);
        assert_eq!(rest(Duration::MAX), LONGEST_REST);
    }

    #[test]
    fn what_has_no_answer_of_its_own_was_taken_if_the_answers_are_to_this_batch() {
        let id = Uuid::from_u128;
        let answer = |number: u128| Event {
            id: json!(id(number)),
            answer: "wait".to_owned(),
            reason: None,
            conflicts: None,
        };
        let taken = |named: &[u128], ok| {
            let answers = named.iter().copied().map(answer).collect();
            plainly_taken(&[id(1), id(2), id(3)], &Pushed { answers, ok })
        };
        assert_eq!(taken(&[], 3), Some(vec![id(1), id(2), id(3)]));
        assert_eq!(taken(&[2], 2), Some(vec![id(1), id(3)]));
        assert_eq!(taken(&[1, 2, 3], 0), Some(vec![]));
        // Too few, too many, one that it never had, one twice.
        for (named, ok) in
            [(&[][..], 2), (&[], 4), (&[2], 3), (&[4], 2), (&[4], 3), (&[2, 2], 1), (&[2, 2], 2)]
        {
            assert_eq!(taken(named, ok), None, "{named:?} {ok}");
        }
    }

    proptest! {
        #[test]
        fn a_pause_is_at_least_half_a_second_and_at_most_two_minutes(failures in 0_u32.., draw in 0_u32..) {
            let pause = back_off(failures, draw);
            prop_assert!(pause >= SHORTEST / 2 && pause <= LONGEST, "{pause}");
        }

        #[test]
        fn it_never_gets_shorter_by_failing_again(failures in 0_u32..100) {
            prop_assert!(back_off(failures + 1, 0) >= back_off(failures, 0));
        }
    }

    #[test]
    fn it_doubles_and_stops_at_two_minutes() {
        let pauses: Vec<_> = (1..=9).map(|failures| back_off(failures, 0).num_milliseconds()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    }
}
