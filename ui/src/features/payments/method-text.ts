import type { Method } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import type { Locale } from "../../paraglide/runtime.js";
import { money } from "../../shared/place.svelte.js";
import type { Paid } from "./paying.js";

const names: Record<Method, (_?: object, options?: { locale?: Locale }) => string> = {
  cash: m.pay_cash,
  card_terminal: m.pay_card,
  upi: m.pay_upi,
  bank_transfer: m.pay_bank,
  voucher: m.pay_voucher,
  paymob: m.pay_paymob,
  paypal: m.pay_paypal,
};

/** In the interface's language, or in that of a receipt. */
export function methodText(method: Method, locale?: Locale): string {
  return names[method]({}, locale && { locale });
}

function askText({ method, amount }: NonNullable<Paid["ask"]>): string {
  if (method === "upi") return m.ask_upi({ amount: money(amount) });
  if (method === "bank_transfer") return m.ask_bank({ amount: money(amount) });
  return m.ask_gateway({ amount: money(amount), method: methodText(method) });
}

/** What the button that takes the money says. */
export function commitText(paid: Paid, currency: string): string {
  const amount = (minor: number) => money({ minor, currency });
  if (paid.ask) return askText(paid.ask);
  const [first, ...more] = paid.payments;
  if (!first) return paid.owed > 0 ? m.pay_do_owe({ amount: amount(paid.owed) }) : m.pay_do_credit({ amount: amount(paid.credit) });
  if (more.length > 0) {
    return m.pay_do_parts({ amount: amount(paid.payments.reduce((all, one) => all + one.amount.minor, 0)) });
  }
  if (first.method === "cash") return m.sell_take({ amount: money(first.amount) });
  if (first.method === "card_terminal") return m.sell_take_card({ amount: money(first.amount) });
  return m.pay_do_other({ amount: money(first.amount), method: methodText(first.method) });
}
