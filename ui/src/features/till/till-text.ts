import type { CauseKind, Figure, Money, ShiftRow, VarianceCause } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { money } from "../../shared/place.svelte.js";
import { methodText } from "../payments/method-text.js";
import { receiptKinds, receiptKindText } from "../receipts/receipt-text.js";

const figures: Record<Extract<Figure, string>, () => string> = {
  sales: m.report_charged,
  credits: m.report_credits,
  cash_in: m.report_cash_in,
  cash_out: m.report_cash_out,
  expenses: m.report_expenses,
  receipts: m.report_receipts,
};

export function figureText(figure: Figure): string {
  if (typeof figure === "string") return figures[figure]();
  if ("payments" in figure) return `${m.report_payments()}: ${methodText(figure.payments)}`;
  return `${m.report_refunds()}: ${methodText(figure.refunds)}`;
}

const causes: Record<CauseKind, (denomination: { amount: string }) => string> = {
  exact: m.cause_exact,
  swapped_method: m.cause_swapped_method,
  transposed_count: m.cause_transposed_count,
  wrong_way: m.cause_wrong_way,
  transposed_amount: m.cause_transposed_amount,
  note_missed: m.cause_note_missed,
  note_twice: m.cause_note_twice,
  together: m.cause_together,
  transposed: m.cause_transposed,
};

/** How the difference may have come about. */
export function causeText({ kind, denomination }: VarianceCause): string {
  const amount = denomination ? money(denomination) : "";
  if (kind === "transposed_count" && denomination) return m.cause_transposed_count_of({ amount });
  return causes[kind]({ amount });
}

/** What a row is about; of a receipt that is its kind. */
export function rowText({ text }: ShiftRow): string {
  const kind = receiptKinds.find((one) => one === text);
  return kind ? receiptKindText(kind) : (text ?? "");
}

/** "EGP 20 short": the way is said, the amount has no sign. */
export function varianceText({ minor, currency }: Money): string {
  const amount = money({ minor: Math.abs(minor), currency });
  if (minor === 0) return m.report_exact();
  return minor > 0 ? m.report_over({ amount }) : m.report_under({ amount });
}
