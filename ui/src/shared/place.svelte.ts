import { language } from "./language.svelte.js";
import { formatMoney, type Amount } from "./text/money.js";
import { dayIn, formatClock, formatDay, formatDuration, type Day } from "./text/time.js";

/** Where the desk stands: every clock, day and amount on the screen is the branch's own. */
class Place {
  zone = $state("UTC");
  currency = $state("EUR");
  country = $state("");
}

export const place = new Place();

/** "EGP 600"; `exact` keeps the decimals for columns. */
export function money(amount: Amount, exact = false): string {
  return formatMoney(language.tag, amount, exact);
}

/** "Tue 3 March", in the interface's language. */
export function day(value: Day): string {
  return formatDay(language.tag, value, Number(today().slice(0, 4)));
}

/** Today on the branch's wall clock. A business day may differ after midnight; the server decides that one. */
export function today(): Day {
  return dayIn(place.zone, new Date());
}

/** "18:04" in the branch's zone, from an RFC 3339 instant. */
export function clock(instant: string | Date): string {
  return formatClock(language.tag, new Date(instant), place.zone);
}

/** "Tue 3 March 18:04": an instant that need not be of today. */
export function moment(instant: string): string {
  const date = new Date(instant);
  return `${day(dayIn(place.zone, date))} ${formatClock(language.tag, date, place.zone)}`;
}

/** How long ago something began, as "1 h 20 min". */
export function since(instant: string, now: Date): string {
  return formatDuration(language.tag, Math.max(0, Math.floor((now.getTime() - Date.parse(instant)) / 60_000)));
}

/** A whole number with the language's grouping. */
export function count(value: number): string {
  return new Intl.NumberFormat(language.tag).format(value);
}
