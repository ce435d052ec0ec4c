//! The figures of the relay for a monitoring system, in the text format that Prometheus and its kin read. Nothing in them is
//! about a person.
use super::status;
use super::view::{BranchLine, BranchPage, SyncMode, SyncPage};
use crate::actor::Actor;
use crate::error::Error;
use crate::services::Services;
use chrono::{DateTime, Utc};
use prometheus_client::encoding::EncodeGaugeValue;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{Atomic, Gauge};
use prometheus_client::registry::Registry;
use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

type Labels = Vec<(&'static str, String)>;

/// What [`status::page`] shows, as figures.
///
/// # Errors
/// As [`status::page`].
pub async fn metrics(services: &Services, actor: &Actor) -> Result<String, Error> {
    let page = status::page(services, actor).await?;
    let mut text = String::new();
    encode(&mut text, &figures(&page)).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(text)
}

fn figures(page: &SyncPage) -> Registry {
    let mut figures = Registry::with_prefix("gatehouse");
    let mode = match page.status.mode {
        SyncMode::Alone => "alone",
        SyncMode::Branch => "branch",
        SyncMode::Headquarters => "headquarters",
    };
    gauge(&mut figures, "sync_mode", "What this database is", [(vec![("mode", mode.to_owned())], 1)]);
    if page.status.mode != SyncMode::Alone {
        gauge(
            &mut figures,
            "sync_outage_sheets",
            "Sheets of outages that nobody has signed",
            one(page.status.sheets),
        );
    }
    if let Some(branch) = &page.branch {
        of_branch(&mut figures, branch);
    }
    if page.status.mode == SyncMode::Headquarters {
        of_headquarters(&mut figures, &page.branches);
        gauge(
            &mut figures,
            "sync_lost_rows",
            "Lost when this database was put back, and at branches",
            one(page.lost),
        );
    }
    figures
}

fn of_branch(figures: &mut Registry, page: &BranchPage) {
    let kind = |kind| {
        let name = serde_json::to_value(kind).ok().and_then(|name| name.as_str().map(str::to_owned));
        vec![("kind", name.unwrap_or_default())]
    };
    let waiting = page.waiting.iter();
    gauge(
        figures,
        "sync_waiting_events",
        "Queued here and not taken by headquarters yet",
        waiting.clone().map(|waits| (kind(waits.kind), waits.count)),
    );
    gauge(
        figures,
        "sync_oldest_waiting_timestamp_seconds",
        "When the oldest of them was queued",
        waiting.map(|waits| (kind(waits.kind), waits.oldest_at.timestamp())),
    );
    let times = [
        ("sync_in_step_timestamp_seconds", "When nothing was left to send or to read", page.in_step_at),
        ("sync_contact_timestamp_seconds", "When a round was last done", page.contact_at),
        (
            "sync_failing_since_timestamp_seconds",
            "Since when rounds fail; absent while they do not",
            page.failing_since,
        ),
    ];
    for (name, help, at) in times {
        gauge(figures, name, help, moment(at));
    }
    gauge(
        figures,
        "sync_clock_skew_seconds",
        "The clock here less that of headquarters",
        page.clock_skew_ms.map(|skew| (Vec::new(), seconds(skew))),
    );
    let aside = |at: &str, count| (vec![("at", at.to_owned())], count);
    gauge(
        figures,
        "sync_set_aside_events",
        "Set aside and not decided",
        [aside("headquarters", page.aside_there), aside("branch", page.aside_here)],
    );
    gauge(figures, "sync_conflicts", "Fields that two had changed, not decided", one(page.conflicts));
    counter(figures, "sync_rounds", "Rounds that were done", one(page.rounds));
    counter(figures, "sync_failures", "Rounds that failed", one(page.failures));
}

fn of_headquarters(figures: &mut Registry, branches: &[BranchLine]) {
    let named = |line: &BranchLine| vec![("branch", line.name.clone())];
    let each = || branches.iter().filter(|line| line.revoked_at.is_none());
    gauge(
        figures,
        "branch_seen_timestamp_seconds",
        "When a branch last said hello",
        each().filter_map(|line| Some((named(line), line.last_seen_at?.timestamp()))),
    );
    gauge(
        figures,
        "branch_silent",
        "1 for a branch that was not heard of for as long as makes an outage",
        each().map(|line| (named(line), i64::from(line.silent))),
    );
    gauge(
        figures,
        "branch_waiting_events",
        "What a branch had queued when it was last seen",
        each().filter_map(|line| Some((named(line), line.waiting?))),
    );
    gauge(
        figures,
        "branch_clock_skew_seconds",
        "A branch's clock less ours",
        each().filter_map(|line| Some((named(line), seconds(line.clock_skew_ms?)))),
    );
    gauge(
        figures,
        "branch_behind",
        "1 for a branch of an older release",
        each().map(|line| (named(line), i64::from(line.behind))),
    );
    gauge(
        figures,
        "branch_audit_agreed",
        "1 where the last daily audit found the same at both ends",
        each().filter_map(|line| Some((named(line), i64::from(line.audit_agreed?)))),
    );
    gauge(
        figures,
        "branch_set_aside_events",
        "Set aside and not decided",
        each().map(|line| (named(line), line.aside)),
    );
    gauge(
        figures,
        "branch_conflicts",
        "Fields that two had changed, not decided",
        each().map(|line| (named(line), line.conflicts)),
    );
    counter(
        figures,
        "branch_received_events",
        "Events that a branch has sent",
        each().map(|line| (named(line), line.received)),
    );
    counter(
        figures,
        "branch_refusals",
        "What a branch asked for and was not allowed",
        each().map(|line| (named(line), line.refusals)),
    );
}

/// Without a label.
fn one(value: i64) -> [(Labels, i64); 1] {
    [(Vec::new(), value)]
}

fn moment(at: Option<DateTime<Utc>>) -> Option<(Labels, i64)> {
    Some((Vec::new(), at?.timestamp()))
}

fn seconds(milliseconds: i64) -> f64 {
    let length = Duration::from_millis(milliseconds.unsigned_abs()).as_secs_f64();
    if milliseconds < 0 { -length } else { length }
}

/// A kind of number that gauges have.
trait Figure: Copy + Debug + EncodeGaugeValue + Send + Sync + 'static {
    type Stored: Atomic<Self> + Default + Debug + Send + Sync + 'static;
}
impl Figure for i64 {
    type Stored = AtomicI64;
}
impl Figure for f64 {
    type Stored = AtomicU64;
}

fn gauge<N: Figure>(
    figures: &mut Registry,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (Labels, N)>,
) {
    let family = Family::<Labels, Gauge<N, N::Stored>>::default();
    let mut is_known = false;
    for (labels, value) in values {
        family.get_or_create(&labels).set(value);
        is_known = true;
    }
    if is_known {
        figures.register(name, help, family);
    }
}

/// Never below zero.
fn counter(figures: &mut Registry, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, i64)>) {
    let family = Family::<Labels, Counter>::default();
    for (labels, value) in values {
        family.get_or_create(&labels).inc_by(u64::try_from(value).unwrap_or(0));
    }
    figures.register(name, help, family);
}

#[cfg(test)]
mod tests {
    use super::super::view::{EventKind, SyncStatus, WaitingKind};
    use super::*;
    use uuid::Uuid;

    /// Its lines without the help; sorted, since those of a family come in any order.
    fn text(page: &SyncPage) -> Vec<String> {
        let mut text = String::new();
        encode(&mut text, &figures(page)).expect("text");
        let mut lines: Vec<_> =
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        lines.sort();
        lines
    }

    fn at(seconds: i64) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(seconds, 0)
    }

    fn page(mode: SyncMode) -> SyncPage {
        SyncPage {
            status: SyncStatus { mode, standing: None, sheets: 2 },
            branch: None,
            branches: Vec::new(),
            lost: 3,
        }
    }

    #[test]
    fn who_is_alone_says_only_that() {
        assert_eq!(text(&page(SyncMode::Alone)), ["gatehouse_sync_mode{mode=\"alone\"} 1"]);
    }

    #[test]
    fn a_branch_says_what_waits_and_since_when() {
        let branch = BranchPage {
            in_step_at: at(1_780_000_000),
            contact_at: at(1_780_000_060),
            failing_since: None,
            failure: None,
            clock_skew_ms: Some(-1_500),
            waiting: vec![WaitingKind {
                kind: EventKind::Money,
                count: 37,
                oldest_at: at(1_780_000_030).expect("a moment"),
            }],
            aside_there: 1,
            aside_here: 0,
            conflicts: 3,
            rounds: 40,
            failures: 4,
            audited_on: None,
        };
        assert_eq!(
            text(&SyncPage { branch: Some(branch), ..page(SyncMode::Branch) }),
            [
                "gatehouse_sync_clock_skew_seconds{} -1.5",
                "gatehouse_sync_conflicts{} 3",
                "gatehouse_sync_contact_timestamp_seconds{} 1780000060",
                "gatehouse_sync_failures_total{} 4",
                "gatehouse_sync_in_step_timestamp_seconds{} 1780000000",
                "gatehouse_sync_mode{mode=\"branch\"} 1",
                "gatehouse_sync_oldest_waiting_timestamp_seconds{kind=\"money\"} 1780000030",
                "gatehouse_sync_outage_sheets{} 2",
                "gatehouse_sync_rounds_total{} 40",
                "gatehouse_sync_set_aside_events{at=\"branch\"} 0",
                "gatehouse_sync_set_aside_events{at=\"headquarters\"} 1",
                "gatehouse_sync_waiting_events{kind=\"money\"} 37",
            ]
        );
    }

    #[test]
    fn headquarters_speaks_of_each_branch_that_may_come_whatever_it_is_called() {
        let line = BranchLine {
            branch_id: Uuid::nil(),
            name: "The \"old\" one\\".to_owned(),
            last_seen_at: None,
            silent: true,
            waiting: None,
            version: None,
            behind: false,
            clock_skew_ms: None,
            aside: 1,
            conflicts: 0,
            received: 7,
            audited_on: None,
            audit_agreed: Some(false),
            refusals: 2,
            revoked_at: None,
        };
        let revoked = BranchLine { name: "Gone".to_owned(), revoked_at: at(1), ..line.clone() };
        let named = "branch=\"The \\\"old\\\" one\\\\\"";
        assert_eq!(
            text(&SyncPage { branches: vec![line, revoked], ..page(SyncMode::Headquarters) }),
            [
                format!("gatehouse_branch_audit_agreed{{{named}}} 0"),
                format!("gatehouse_branch_behind{{{named}}} 0"),
                format!("gatehouse_branch_conflicts{{{named}}} 0"),
                format!("gatehouse_branch_received_events_total{{{named}}} 7"),
                format!("gatehouse_branch_refusals_total{{{named}}} 2"),
                format!("gatehouse_branch_set_aside_events{{{named}}} 1"),
                format!("gatehouse_branch_silent{{{named}}} 1"),
                "gatehouse_sync_lost_rows{} 3".to_owned(),
                "gatehouse_sync_mode{mode=\"headquarters\"} 1".to_owned(),
                "gatehouse_sync_outage_sheets{} 2".to_owned(),
            ]
        );
    }
}
