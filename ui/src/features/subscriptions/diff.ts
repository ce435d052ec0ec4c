import type { Standing } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { count, day } from "../../shared/place.svelte.js";
import { statusChip } from "./status.js";

/** One property: how it is, how it will be, and of the subscription that goes on in its place. */
export interface Row {
  label: string;
  before: string;
  after: string;
  successor: string;
  changed: boolean;
}

const date = (value: string | null) => (value === null ? "" : day(value));
const number = (value: number | null) => (value === null ? "" : count(value));

/** What can be said of a standing, in the order in which somebody asks. */
const properties: { label: () => string; text: (standing: Standing) => string }[] = [
  { label: m.standing_plan, text: ({ plan_name }) => plan_name },
  { label: m.standing_status, text: ({ status }) => statusChip(status).text },
  { label: m.standing_starts, text: ({ starts_on }) => date(starts_on) },
  { label: m.standing_ends, text: ({ ends_on }) => date(ends_on) },
  { label: m.standing_days_left, text: ({ remaining_days }) => number(remaining_days) },
  { label: m.standing_visits_left, text: ({ visits_left }) => number(visits_left) },
  {
    label: m.standing_freeze,
    text: ({ frozen_from, frozen_until }) =>
      frozen_from && frozen_until ? m.event_period({ from: day(frozen_from), to: day(frozen_until) }) : "",
  },
  { label: m.standing_freeze_days, text: ({ freeze_days_remaining }) => number(freeze_days_remaining) },
  { label: m.standing_last_day, text: ({ cancelled_on }) => date(cancelled_on) },
  { label: m.standing_auto_renew, text: ({ auto_renew }) => (auto_renew ? m.yes() : m.no()) },
];

/** What an act changes. What is not known before and after is left out, and so is a plan that stays the plan. */
export function diff(before: Standing, after: Standing, successor: Standing | null): Row[] {
  return properties
    .map(({ label, text }) => {
      const row = { before: text(before), after: text(after), successor: successor ? text(successor) : "" };
      const changed = row.before !== row.after || (successor !== null && row.successor !== row.before);
      return { label: label(), ...row, changed };
    })
    .filter((row) => row.before !== "" || row.after !== "" || row.successor !== "")
    .filter((row) => row.changed || row.label !== m.standing_plan());
}

/** The same of one standing alone. */
export function facts(standing: Standing): { label: string; text: string }[] {
  return properties.map(({ label, text }) => ({ label: label(), text: text(standing) })).filter(({ text }) => text !== "");
}
