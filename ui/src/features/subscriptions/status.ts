import type { Status, Subscription } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { count, day } from "../../shared/place.svelte.js";

type ChipKind = "admit" | "attention" | "refuse" | "info" | "plain";

const statuses: Record<Status, { kind: ChipKind; text: () => string }> = {
  upcoming: { kind: "info", text: m.status_upcoming },
  active: { kind: "admit", text: m.status_active },
  frozen: { kind: "info", text: m.status_frozen },
  overdue: { kind: "refuse", text: m.status_overdue },
  expired: { kind: "refuse", text: m.status_expired },
  cancelled: { kind: "plain", text: m.status_cancelled },
  completed: { kind: "plain", text: m.status_completed },
};

/** The chip of a subscription. */
export function statusChip(status: Status): { kind: ChipKind; text: string } {
  const { kind, text } = statuses[status];
  return { kind, text: text() };
}

/** What the chip in a member's head says: "Active until Tue 3 March". */
export function headline(subscription: Subscription | undefined): { kind: ChipKind; text: string } {
  if (!subscription) return { kind: "plain", text: m.hit_no_subscription() };
  const { status, starts_on, ends_on } = subscription;
  if (status === "active") return { kind: "admit", text: m.headline_active({ day: day(ends_on) }) };
  if (status === "upcoming") return { kind: "info", text: m.headline_upcoming({ day: day(starts_on) }) };
  if (status === "expired") return { kind: "refuse", text: m.headline_expired({ day: day(ends_on) }) };
  return statusChip(status);
}

/** What has to be known besides the status: a freeze, a cancellation, a debt, what happens at the end. */
export function conditions(subscription: Subscription): { kind: "info" | "refuse" | "plain"; text: string }[] {
  const { frozen_from, frozen_until, cancelled_on, overdue_since, auto_renew } = subscription;
  const said: { kind: "info" | "refuse" | "plain"; text: string }[] = [];
  if (frozen_from && frozen_until) {
    said.push({ kind: "info", text: m.condition_frozen({ from: day(frozen_from), until: day(frozen_until) }) });
  }
  if (overdue_since) said.push({ kind: "refuse", text: m.condition_overdue({ day: day(overdue_since) }) });
  if (cancelled_on) said.push({ kind: "refuse", text: m.condition_cancelled({ day: day(cancelled_on) }) });
  else if (auto_renew) said.push({ kind: "plain", text: m.condition_auto_renew() });
  return said;
}

/** What is left of a running one, in words: days, and visits where they count. */
export function whatIsLeft(subscription: Subscription): string[] {
  const words: string[] = [];
  const { remaining_days, visits_left, visits_total } = subscription;
  if (visits_left !== null) {
    words.push(
      visits_total === null
        ? m.visits_left({ visits: visits_left })
        : m.visits_left_of({ left: count(visits_left), total: count(visits_total) }),
    );
  }
  if (remaining_days !== null) words.push(remaining_days === 0 ? m.days_left_last() : m.days_left({ days: remaining_days }));
  return words;
}

/** Renewing makes sense for all but what was cancelled, and for a day pass nobody says "renew". */
export function renewable(subscription: Subscription): boolean {
  return subscription.status !== "cancelled" && subscription.kind !== "day_pass";
}
