import type { EventKind, SubscriptionEvent } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { day, money } from "../../shared/place.svelte.js";

const kinds: Record<EventKind, () => string> = {
  sold: m.event_sold,
  renewed: m.event_renewed,
  taken_over: m.event_taken_over,
  voided: m.event_voided,
  frozen: m.event_frozen,
  thawed: m.event_thawed,
  gifted: m.event_gifted,
  extended: m.event_extended,
  cancelled: m.event_cancelled,
  reinstated: m.event_reinstated,
  changed: m.event_changed,
  transferred: m.event_transferred,
  auto_renew_on: m.event_auto_renew_on,
  auto_renew_off: m.event_auto_renew_off,
};

export function eventText(kind: EventKind): string {
  return kinds[kind]();
}

/** Events that end a subscription carry its last day alone. */
const ENDS: readonly EventKind[] = ["cancelled", "changed", "transferred"];

export function isEvent(what: string): what is EventKind {
  return Object.hasOwn(kinds, what);
}

/** The days of an event. */
export function eventFigures({ kind, starts_on, ends_on, days }: Pick<SubscriptionEvent, "kind" | "starts_on" | "ends_on" | "days">): string[] {
  return [
    starts_on && ends_on ? m.event_period({ from: day(starts_on), to: day(ends_on) }) : null,
    ends_on && ENDS.includes(kind) ? m.event_last_day({ day: day(ends_on) }) : null,
    kind === "thawed" && starts_on ? m.event_since({ day: day(starts_on) }) : null,
    days === null ? null : m.plan_days({ count: days }),
  ].filter((fact) => fact !== null);
}

/** The figures of an event: days, visits, money. */
export function eventFacts(event: SubscriptionEvent): string[] {
  const { visits, amount } = event;
  return [
    ...eventFigures(event),
    ...(visits === null ? [] : [m.plan_visits({ count: visits })]),
    ...(amount ? [money(amount)] : []),
  ];
}
