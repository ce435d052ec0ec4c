import type { PaymentRequest } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { language } from "../../shared/language.svelte.js";
import { money, since } from "../../shared/place.svelte.js";
import { methodText } from "../payments/method-text.js";
import { isRefund } from "./request.svelte.js";

type Kind = "admit" | "attention" | "refuse" | "info" | "plain";

/** Where it stands, in a word or two. */
export function stateText(request: PaymentRequest): { kind: Kind; text: string } {
  switch (request.state) {
    case "created":
    case "ordered":
      return { kind: "info", text: m.state_waiting() };
    case "sent":
      return { kind: "info", text: m.state_under_way() };
    case "claimed":
      return { kind: "attention", text: m.state_claimed() };
    case "confirmed":
      return { kind: "admit", text: isRefund(request) ? m.state_given_back() : m.state_confirmed() };
    case "failed":
      return { kind: "refuse", text: m.state_failed() };
    case "expired":
      return { kind: "plain", text: m.state_expired() };
    case "cancelled":
      return { kind: "plain", text: m.state_cancelled() };
    case "mismatch":
      return { kind: "refuse", text: m.state_mismatch() };
  }
}

const refusals: Record<string, () => string> = {
  not_set_up: m.refused_not_set_up,
  keys_refused: m.refused_keys_refused,
  unreachable: m.refused_unreachable,
  not_given_back: m.refused_not_given_back,
};

/** What happened last, in words. */
export function lastText(request: PaymentRequest): string {
  const { state, transfer, reason, refused, found, amount } = request;
  const method = methodText(request.method);
  const number = transfer ?? "";
  switch (state) {
    case "created":
      return m.last_transfer();
    case "ordered":
      return m.last_ordered({ method });
    case "sent":
      return m.last_sent({ method });
    case "claimed":
      return transfer ? m.last_claimed_number({ number }) : m.last_claimed();
    case "confirmed":
      return isRefund(request) ? m.last_given_back({ method, number }) : m.last_confirmed({ number });
    case "failed":
      if (!isRefund(request)) return reason ? m.last_failed({ reason }) : m.last_failed_plain();
      return refused ? m.last_refused({ method, reason: refusals[refused]?.() ?? refused }) : m.last_refused_plain({ method });
    case "expired":
      return m.last_expired();
    case "cancelled":
      return m.last_cancelled({ reason: reason ?? "" });
    case "mismatch":
      return found ? m.last_mismatch({ found: money(found), amount: money(amount) }) : m.last_mismatch_plain();
  }
}

const DAY_MINUTES = 24 * 60;

/** How old it is: minutes and hours of the first day, then days. */
export function ageText(at: string, now: Date): string {
  const minutes = Math.floor((now.getTime() - Date.parse(at)) / 60_000);
  if (minutes < 1) return m.request_just_now();
  if (minutes < DAY_MINUTES) return m.request_ago({ time: since(at, now) });
  const days = new Intl.NumberFormat(language.tag, { style: "unit", unit: "day", unitDisplay: "long" });
  return m.request_ago({ time: days.format(Math.floor(minutes / DAY_MINUTES)) });
}
