import type { Outcome, Reason, Verdict } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { language } from "../../shared/language.svelte.js";
import { clock, count, day, moment, money } from "../../shared/place.svelte.js";
import { formatDuration } from "../../shared/text/time.js";

/** A reason in words, short enough for a glance. */
export function sentence(reason: Reason): string {
  switch (reason.kind) {
    case "unknown_pass":
      return m.reason_unknown_pass();
    case "forged_pass":
      return m.reason_forged_pass();
    case "ambiguous_number":
      return m.reason_ambiguous_number();
    case "mistyped_number":
      return m.reason_mistyped_number();
    case "pass_revoked":
      return m.reason_pass_revoked({ day: day(reason.on) });
    case "pass_expired":
      return m.reason_pass_expired({ time: formatDuration(language.tag, Math.ceil(Math.abs(reason.seconds_off) / 60)) });
    case "pass_replayed":
      return m.reason_pass_replayed();
    case "no_subscription":
      return m.reason_no_subscription();
    case "expired":
      return m.reason_expired({ day: day(reason.ended_on) });
    case "not_started":
      return m.reason_not_started({ day: day(reason.starts_on) });
    case "frozen":
      return m.reason_frozen({ day: day(reason.until) });
    case "no_visits_left":
      return m.reason_no_visits_left();
    case "outside_hours":
      return reason.opens_at === null ? m.reason_outside_hours() : m.reason_outside_hours_opens({ time: reason.opens_at });
    case "wrong_branch":
      return m.reason_wrong_branch({ branch: reason.branch });
    case "already_inside":
      return m.reason_already_inside({ time: clock(reason.since) });
    case "too_soon":
      return m.reason_too_soon({ seconds: reason.wait_seconds });
    case "daily_limit":
      return m.reason_daily_limit({ entries: reason.entries });
    case "debt":
      return m.reason_debt({ amount: money(reason.owed) });
    case "suspended":
      return m.reason_suspended();
    case "blocked_by_note":
      return m.reason_blocked_by_note();
    case "capacity_full":
      return m.reason_capacity_full({ capacity: count(reason.capacity) });
    case "ends_soon":
      return reason.days_left === 0 ? m.reason_last_day() : m.reason_ends_soon({ days: reason.days_left });
    case "last_visit":
      return m.reason_last_visit();
    case "reminder":
      return m.reason_reminder();
    case "let_in_once":
      return m.reason_let_in_once({ reason: reason.reason });
    case "checked_out":
      if (reason.minutes === 0) return m.reason_checked_out_at_once();
      return m.reason_checked_out({ time: formatDuration(language.tag, reason.minutes) });
    case "not_inside":
      return m.reason_not_inside();
    case "from_snapshot":
      return m.reason_from_snapshot({ time: clock(reason.taken_at) });
    case "snapshot_too_old":
      return m.reason_snapshot_too_old({ time: moment(reason.taken_at) });
    case "no_snapshot":
      return m.reason_no_snapshot();
    case "desk_clock_off":
      return m.reason_desk_clock_off({ time: formatDuration(language.tag, Math.ceil(Math.abs(reason.seconds_off) / 60)) });
  }
}

/** The one word of a verdict. */
export function word(verdict: { outcome: Outcome; reasons: readonly Reason[] }, locale?: "en" | "ar"): string {
  const options = locale ? { locale } : {};
  if (verdict.reasons[0]?.kind === "checked_out") return m.verdict_goodbye({}, options);
  switch (verdict.outcome) {
    case "admitted":
      return m.verdict_welcome({}, options);
    case "attention":
      return m.verdict_look({}, options);
    case "refused":
      return m.verdict_stop({}, options);
  }
}

/** "12 days left", and "3 visits left" where visits count. */
export function left(subscription: NonNullable<Verdict["subscription"]>): string[] {
  const days = subscription.days_left;
  const words = [];
  if (subscription.visits_left !== null) words.push(m.visits_left({ visits: subscription.visits_left }));
  if (days >= 0) words.push(days === 0 ? m.days_left_last() : m.days_left({ days }));
  return words;
}
