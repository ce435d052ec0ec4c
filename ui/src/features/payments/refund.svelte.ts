import { call } from "../../ipc/client.js";
import { explain } from "../../ipc/errors.js";
import type { AskRefund, PaymentShown, Refund, RefundForm, RefundPreview, RefundTo } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { money } from "../../shared/place.svelte.js";
import { lastText } from "../requests/request-text.js";
import { Once } from "./once.svelte.js";

/** Ways back: over the counter, or through the gateway that it came by. */
export type Back = RefundTo["kind"] | "gateway";

/** Where money can go that came in this way; the way it came first. */
export function waysBack({ method }: Pick<PaymentShown, "method">, currency: string): Back[] {
  const all: Back[] = ["cash", "card_terminal", "upi", "bank_transfer", "voucher", "credit"];
  const possible = all.filter((way) => (way === "voucher" ? method === "voucher" : way !== "upi" || currency === "INR"));
  if (method === "paymob" || method === "paypal") return ["gateway", ...possible];
  return possible.toSorted((a, b) => Number(b === method) - Number(a === method));
}

/** One opening of the dialog: one refund at most, whatever the network does. */
export class RefundDesk {
  amount: number | null = $state(null);
  to: Back = $state("cash");
  reference = $state("");
  take_back = $state(true);
  end_subscriptions = $state(true);
  reason = $state("");
  preview: RefundPreview | null = $state.raw(null);
  problem: string | null = $state(null);

  readonly ways: Back[];
  readonly once = new Once(
    (refund: Refund) => call("refund", refund),
    () => this.ask(),
  );
  /** The gateway gives back what is credit: what was bought is taken back before. */
  gateway = $state.raw(this.#newGateway());
  #asked = 0;
  #previewed = $state("");

  constructor(readonly payment: PaymentShown) {
    this.amount = payment.refundable.minor;
    this.ways = waysBack(payment, payment.amount.currency);
    this.to = this.ways[0] ?? "cash";
  }

  get needs_reference(): boolean {
    return this.to === "card_terminal" || this.to === "upi" || this.to === "bank_transfer";
  }

  #newGateway() {
    return new Once((refund: AskRefund) => call("gateway_refund", refund), async () => {});
  }

  /** What has to become credit before the gateway can give it back, in minor units. */
  get #uncovered(): number {
    return this.once.answer ? 0 : Math.max(0, (this.amount ?? 0) - this.payment.unused.minor);
  }

  get #way(): RefundTo {
    if (this.to === "gateway") return { kind: "credit" };
    const { to } = this;
    const reference = this.reference.trim();
    return to === "card_terminal" || to === "upi" || to === "bank_transfer" ? { kind: to, reference } : { kind: to };
  }

  /** What stays as credit was bought and is taken back; else it would be owed and paid at once. */
  get takes_back(): boolean {
    return this.to === "gateway" ? this.#uncovered > 0 : this.take_back || this.to === "credit";
  }

  /** What is given back; null while it is not complete. */
  get form(): RefundForm | null {
    const minor = this.to === "gateway" ? this.#uncovered : this.amount;
    if (!minor) return null;
    const take_back = this.takes_back;
    return {
      payment_id: this.payment.payment_id,
      amount: { minor, currency: this.payment.amount.currency },
      to: this.#way,
      take_back,
      end_subscriptions: take_back && this.end_subscriptions,
    };
  }

  /** The number is the terminal's and comes last: what is previewed does not depend on it. */
  get #asking(): RefundForm | null {
    const { form } = this;
    return form && "reference" in form.to ? { ...form, to: { ...form.to, reference: form.to.reference || "-" } } : form;
  }

  get fresh(): boolean {
    // What is credit already takes nothing back with it.
    if (this.to === "gateway" && this.amount && this.#uncovered === 0) return true;
    return this.preview !== null && this.#previewed === JSON.stringify(this.#asking);
  }

  async ask(): Promise<void> {
    const form = this.#asking;
    const question = ++this.#asked;
    if (!form) {
      this.preview = null;
      // Why the gateway did not give back what is credit now stays on the screen.
      if (!this.once.answer) this.problem = null;
      return;
    }
    try {
      const preview = await call("refund_preview", form);
      if (question !== this.#asked) return;
      this.preview = preview;
      this.problem = null;
      this.#previewed = JSON.stringify(form);
    } catch (error) {
      if (question !== this.#asked) return;
      this.preview = null;
      this.problem = explain(error);
    }
  }

  get missing(): { reason: boolean; reference: boolean } {
    return { reason: this.reason.trim() === "", reference: this.needs_reference && this.reference.trim() === "" };
  }

  async commit(): Promise<void> {
    const { form, missing } = this;
    const ready = this.fresh && !missing.reason && !missing.reference;
    const reason = this.reason.trim();
    if (this.once.unanswered || (form && !this.once.answer)) {
      await this.once.send(form && ready ? { ...form, idempotency_key: this.once.key, reason } : null);
      if (this.once.answer === null) return;
    }
    if (this.to !== "gateway" || !ready) return;
    const { gateway, payment, amount } = this;
    this.problem = null;
    await gateway.send({
      idempotency_key: gateway.key,
      payment_id: payment.payment_id,
      amount: { minor: amount ?? 0, currency: payment.amount.currency },
      reason,
    });
    // A refusal is stored under its key, so another try is another refund; the server lets no two run at once.
    const failed = gateway.answer?.state === "failed" ? lastText(gateway.answer) : gateway.problem;
    if (failed && gateway.unanswered === null) {
      const amount = this.once.answer && money(this.once.answer.amount);
      this.problem = amount ? m.refund_gateway_credit({ amount, problem: failed }) : failed;
      this.gateway = this.#newGateway();
    }
  }
}
