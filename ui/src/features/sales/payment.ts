import type { Money, Payment } from "../../ipc/wire.js";

export const methods = ["cash", "card_terminal", "split"] as const;
export type How = (typeof methods)[number];

/** How somebody pays, as typed. Amounts are minor units; null where nothing, or no amount, stands in the field. */
export interface Paying {
  how: How;
  /** Cash handed over; nothing typed means exactly what is due. */
  tendered: number | null;
  /** When split: the part paid in cash. */
  cash: number | null;
  reference: string;
}

export type Problem = "tendered_too_small" | "cash_not_a_part";

export interface Paid {
  payments: Payment[];
  /** Minor units to hand back. */
  change: number;
  /** What is still wrong, if anything; then there is nothing to send. */
  problem: Problem | null;
}

/** What is sent for a total, and what goes back over the counter. */
export function pay(total: Money, { how, tendered, cash, reference }: Paying): Paid {
  const money = (minor: number): Money => ({ minor, currency: total.currency });
  const slip = reference.trim() === "" ? null : reference.trim();
  const wrong = (problem: Problem): Paid => ({ payments: [], change: 0, problem });
  if (total.minor === 0) return { payments: [], change: 0, problem: null };

  const cashPart = how === "cash" ? total.minor : how === "split" ? cash : 0;
  if (cashPart === null || (how === "split" && (cashPart <= 0 || cashPart >= total.minor))) {
    return wrong("cash_not_a_part");
  }
  const handed = tendered ?? cashPart;
  if (cashPart > 0 && handed < cashPart) return wrong("tendered_too_small");

  const payments: Payment[] = [];
  if (cashPart > 0) {
    payments.push({ method: "cash", amount: money(cashPart), tendered: money(handed), reference: null });
  }
  if (cashPart < total.minor) {
    payments.push({ method: "card_terminal", amount: money(total.minor - cashPart), tendered: null, reference: slip });
  }
  return { payments, change: cashPart > 0 ? handed - cashPart : 0, problem: null };
}

/** Bank notes somebody is likely to hand over for an amount: the next round sums above it. */
export function likelyNotes(minor: number, places: number): number[] {
  const unit = 10 ** places;
  const steps = [5, 10, 20, 50, 100, 200, 500, 1000].map((note) => note * unit);
  const sums = steps.map((step) => Math.ceil(minor / step) * step).filter((sum) => sum > minor);
  return [...new Set(sums)].sort((a, b) => a - b).slice(0, 3);
}
