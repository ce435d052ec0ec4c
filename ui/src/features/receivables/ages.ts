import type { Ageing, Receivable } from "../../ipc/wire.js";

/** Days since a debt was due, as the server sums them up. */
export const ages = ["not_due", "days_1_30", "days_31_60", "days_61_90", "days_over_90"] as const satisfies (keyof Ageing)[];
export type Age = (typeof ages)[number];

/** Who owes something of that age, most of it first. */
export function ofAge(rows: readonly Receivable[], age: Age | "owed"): Receivable[] {
  return rows.filter((row) => row.ageing[age] > 0).toSorted((a, b) => b.ageing[age] - a.ageing[age]);
}
