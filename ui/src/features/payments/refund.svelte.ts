import { call } from "../../ipc/client.js";
import { explain } from "../../ipc/errors.js";
import type { PaymentShown, Refund, RefundForm, RefundPreview, RefundTo } from "../../ipc/wire.js";
import { Once } from "./once.svelte.js";

/** Ways back over the counter. */
export type Back = RefundTo["kind"];

/** Where money can go that came in this way; the way it came first. */
export function waysBack({ method }: Pick<PaymentShown, "method">, currency: string): Back[] {
  const all: Back[] = ["cash", "card_terminal", "upi", "bank_transfer", "voucher", "credit"];
  const possible = all.filter((way) => (way === "voucher" ? method === "voucher" : way !== "upi" || currency === "INR"));
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

  get #way(): RefundTo {
    const { to } = this;
    const reference = this.reference.trim();
    return to === "card_terminal" || to === "upi" || to === "bank_transfer" ? { kind: to, reference } : { kind: to };
  }

  /** What is given back; null while it is not complete. */
  get form(): RefundForm | null {
    if (!this.amount) return null;
    // What stays as credit was bought and is taken back; else it would be owed and paid at once.
    const take_back = this.take_back || this.to === "credit";
    return {
      payment_id: this.payment.payment_id,
      amount: { minor: this.amount, currency: this.payment.amount.currency },
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
    return this.preview !== null && this.#previewed === JSON.stringify(this.#asking);
  }

  async ask(): Promise<void> {
    const form = this.#asking;
    const question = ++this.#asked;
    if (!form) {
      this.preview = this.problem = null;
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
    const complete = form && this.fresh && !missing.reason && !missing.reference;
    await this.once.send(complete ? { ...form, idempotency_key: this.once.key, reason: this.reason.trim() } : null);
  }
}
