import type { Method, Money, Payment, RemoteMethod } from "../../ipc/wire.js";

/** Ways of paying that a desk takes, in the order in which they are offered. */
export const deskMethods = ["cash", "card_terminal", "upi", "bank_transfer", "voucher"] as const satisfies Method[];
export type DeskMethod = (typeof deskMethods)[number];

/** UPI moves rupees and nothing else. */
export function methodsFor(currency: string): readonly DeskMethod[] {
  return currency === "INR" ? deskMethods : deskMethods.filter((method) => method !== "upi");
}

/** One way of paying, as typed. Amounts are minor units; null where nothing, or no amount, stands in the field. */
export interface Part {
  /** Of this page, so that a row keeps its fields when another one is removed. */
  id: number;
  method: Method;
  /** Nothing typed means: what the other parts leave. */
  amount: number | null;
  /** Cash handed over; nothing typed means exactly the amount. */
  tendered: number | null;
  /** Slip number, UTR, reference of the transfer, or the voucher's code. */
  reference: string;
}

/** How somebody pays. */
export interface Paying {
  parts: readonly Part[];
  /** Minor units that the payer's credit pays. */
  credit: number;
  /** The rest stays owed until that day; null: all is paid now. */
  owe_until: string | null;
  /** Ways in which the payer can be asked for it, instead of showing that it is paid. */
  askable?: readonly RemoteMethod[];
}

/** What is to be paid. */
export interface Bill {
  total: Money;
  /** An amount as it is paid in cash, where small coins are out of use. Minor units. */
  inCash: (minor: number) => number;
}

export type PartProblem = "amount_missing" | "tendered_too_small" | "reference_missing" | "utr_wrong";
export type Problem = "rest_left" | "too_much" | "owe_until_missing";

export interface Paid {
  payments: Payment[];
  /** What the payer is asked for from afar; it is not there yet. */
  ask: { method: RemoteMethod; amount: Money } | null;
  /** What each part comes to, in the order of the parts. Minor units, like all below. */
  amounts: number[];
  credit: number;
  /** To hand back. */
  change: number;
  owed: number;
  /** What rounding the cash gives up (above zero) or takes too much. */
  rounding: number;
  /** Not paid yet; below zero where more is paid than is due. */
  rest: number;
  /** What is still wrong; then there is nothing to send. */
  problem: Problem | null;
  part_problems: (PartProblem | null)[];
  ready: boolean;
}

/** What is sent for a bill, what goes back over the counter, and what stays owed. */
export function pay(bill: Bill, { parts, credit, owe_until, askable = [] }: Paying): Paid {
  const { currency } = bill.total;
  const money = (minor: number): Money => ({ minor, currency });
  const due = bill.total.minor - credit;
  const owing = owe_until !== null;
  // One part may be left empty and takes what the others leave. Where the rest stays owed, an empty one pays nothing.
  const open = owing ? -1 : parts.findLastIndex((part) => part.amount === null);
  const given = sum(parts.map((part) => part.amount ?? 0));
  const amounts = parts.map((part, at) => {
    if (at !== open) return part.amount ?? 0;
    const left = Math.max(0, due - given);
    // Where rounding would leave nothing to pay, the exact amount is asked for.
    return part.method === "cash" ? bill.inCash(left) || left : left;
  });
  const cash = sum(amounts.filter((_, at) => parts[at]?.method === "cash"));
  const in_cash = due - (sum(amounts) - cash);
  const rounding = cash > 0 && cash === bill.inCash(in_cash) ? in_cash - cash : 0;
  const rest = due - sum(amounts) - rounding;
  const [only] = parts;
  // One way for all of it, and no number yet that shows that it is paid: then it is asked for.
  const asked = parts.length === 1 && only?.reference.trim() === "" ? askable.find((method) => method === only.method) : undefined;
  const part_problems = parts.map((part, at) =>
    problemOf(part, asked ? 0 : (amounts[at] ?? 0), owing || at === open || due <= 0),
  );
  const problem =
    rest < 0 ? "too_much" : rest > 0 && !owing ? "rest_left" : owe_until === "" && rest > 0 ? "owe_until_missing" : null;
  const paying = parts.flatMap((part, at) => {
    const amount = amounts[at] ?? 0;
    return amount > 0 && !asked ? [{ part, amount, handed: part.tendered ?? amount }] : [];
  });
  return {
    payments: paying.map(({ part, amount, handed }) =>
      part.method === "cash"
        ? { method: part.method, amount: money(amount), tendered: money(handed), reference: null }
        : { method: part.method, amount: money(amount), tendered: null, reference: part.reference.trim() },
    ),
    ask: asked && sum(amounts) > 0 ? { method: asked, amount: money(sum(amounts)) } : null,
    amounts,
    credit,
    change: sum(paying.map(({ part, amount, handed }) => (part.method === "cash" ? handed - amount : 0))),
    owed: Math.max(0, rest),
    rounding,
    rest,
    problem,
    part_problems,
    ready: problem === null && part_problems.every((one) => one === null),
  };
}

function problemOf(part: Part, amount: number, may_be_empty: boolean): PartProblem | null {
  if (part.amount === null && !may_be_empty) return "amount_missing";
  if (amount === 0) return null;
  if (part.method === "cash") {
    return part.tendered !== null && part.tendered < amount ? "tendered_too_small" : null;
  }
  const reference = part.reference.trim();
  if (reference === "") return "reference_missing";
  return part.method === "upi" && !/^\d{12}$/.test(reference) ? "utr_wrong" : null;
}

function sum(minors: readonly number[]): number {
  return minors.reduce((all, one) => all + one, 0);
}

/** Bank notes somebody is likely to hand over for an amount: the next round sums above it. */
export function likelyNotes(minor: number, places: number): number[] {
  const unit = 10 ** places;
  const steps = [5, 10, 20, 50, 100, 200, 500, 1000].map((note) => note * unit);
  const sums = steps.map((step) => Math.ceil(minor / step) * step).filter((sum) => sum > minor);
  return [...new Set(sums)].sort((a, b) => a - b).slice(0, 3);
}
