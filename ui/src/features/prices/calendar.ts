import type { Money, PlanPrice } from "../../ipc/wire.js";
import type { Day } from "../../shared/text/time.js";

/** For which branch, and in which currency, prices are read. */
export interface Here {
  branch_id: string;
  currency: string;
}

/** Days on which one price holds. */
export interface Stretch {
  from: Day;
  /** Exclusive. */
  until: Day;
  /** None: it cannot be sold then. */
  price: Money | null;
}

/** The price of a day: the branch's own before the one for all, as the counter takes it. */
export function priceOn(prices: readonly PlanPrice[], here: Here, day: Day): PlanPrice | null {
  const valid = prices.filter(
    ({ price, from, until, branch_id }) =>
      price.currency === here.currency &&
      from <= day &&
      (until === null || day < until) &&
      (branch_id === null || branch_id === here.branch_id),
  );
  return valid.find(({ branch_id }) => branch_id !== null) ?? valid[0] ?? null;
}

/** Days on which a price begins or ends, each once, in order. */
function turns(prices: readonly PlanPrice[]): Day[] {
  const days = prices.flatMap(({ from, until }) => (until === null ? [from] : [from, until]));
  return [...new Set(days)].toSorted();
}

const same = (a: Money | null, b: Money | null) => a?.minor === b?.minor;

/** What it costs from one day to another (exclusive); neighbours of one price are one. */
export function stretches(prices: readonly PlanPrice[], here: Here, from: Day, until: Day): Stretch[] {
  const days = [from, ...turns(prices).filter((day) => from < day && day < until)];
  const all: Stretch[] = [];
  for (const [at, day] of days.entries()) {
    const price = priceOn(prices, here, day)?.price ?? null;
    const last = all.at(-1);
    const end = days[at + 1] ?? until;
    if (last && same(last.price, price)) last.until = end;
    else all.push({ from: day, until: end, price });
  }
  return all;
}

/** The next day on which it costs something else than today. */
export function nextChange(prices: readonly PlanPrice[], here: Here, today: Day): { from: Day; price: Money | null } | null {
  const now = priceOn(prices, here, today)?.price ?? null;
  for (const from of turns(prices)) {
    if (from <= today) continue;
    const price = priceOn(prices, here, from)?.price ?? null;
    if (!same(now, price)) return { from, price };
  }
  return null;
}

/** The first day of the month some months away. */
export function monthAway(day: Day, months: number): Day {
  const [year = 0, month = 1] = day.split("-").map(Number);
  return new Date(Date.UTC(year, month - 1 + months, 1)).toISOString().slice(0, 10);
}
