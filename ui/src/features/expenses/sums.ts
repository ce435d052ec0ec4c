import type { ExpenseSum } from "../../ipc/wire.js";
import { addDays, type Day } from "../../shared/text/time.js";

/** The first day of the month some months before. */
export function monthBefore(day: Day, months: number): Day {
  const [year = 0, month = 0] = day.split("-").map(Number);
  const first = new Date(Date.UTC(year, month - 1 - months, 1));
  return first.toISOString().slice(0, 10);
}

/** The last day of a month, by its first. */
export function monthEnd(first: Day): Day {
  return addDays(monthBefore(first, -1), -1);
}

export interface Grid {
  /** First days, newest first. */
  months: Day[];
  rows: { category: string; all: number; by_month: (number | null)[] }[];
  all: number;
  by_month: number[];
}

/** The server's sums as a table: categories down, the dearest first, and months across. Minor units. */
export function grid(sums: readonly ExpenseSum[]): Grid {
  const months = [...new Set(sums.map(({ month }) => month))].toSorted().toReversed();
  const categories = [...new Set(sums.map(({ category }) => category))];
  const rows = categories.map((category) => {
    const by_month = months.map(
      (month) => sums.find((one) => one.month === month && one.category === category)?.amount.minor ?? null,
    );
    return { category, all: by_month.reduce<number>((sum, minor) => sum + (minor ?? 0), 0), by_month };
  });
  const by_month = months.map((_, at) => rows.reduce((sum, row) => sum + (row.by_month[at] ?? 0), 0));
  return {
    months,
    rows: rows.toSorted((a, b) => b.all - a.all),
    all: by_month.reduce((sum, minor) => sum + minor, 0),
    by_month,
  };
}
