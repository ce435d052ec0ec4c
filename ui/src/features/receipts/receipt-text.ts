import type { PaidBy, ReceiptKind } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import type { Locale } from "../../paraglide/runtime.js";
import { methodText } from "../payments/method-text.js";

type Words = (_: object, options: { locale: Locale }) => string;

const kinds: Record<ReceiptKind, () => string> = {
  sale: m.receipt_kind_sale,
  payment: m.receipt_kind_payment,
  refund: m.receipt_kind_refund,
  void: m.receipt_kind_void,
  cash_in: m.receipt_kind_cash_in,
  cash_out: m.receipt_kind_cash_out,
};

export const receiptKinds = Object.keys(kinds) as ReceiptKind[];

export function receiptKindText(kind: ReceiptKind): string {
  return kinds[kind]();
}

const titles: Record<ReceiptKind, Words> = {
  sale: m.paper_sale,
  payment: m.paper_payment,
  refund: m.paper_refund,
  void: m.paper_void,
  cash_in: m.paper_cash_in,
  cash_out: m.paper_cash_out,
};

/** What stands over a receipt, in the receipt's own language. */
export function paperTitle(kind: ReceiptKind, locale: Locale): string {
  return titles[kind]({}, { locale });
}

export function paidByText(method: PaidBy, locale: Locale): string {
  return method === "credit" ? m.paper_credit_used({}, { locale }) : methodText(method, locale);
}
