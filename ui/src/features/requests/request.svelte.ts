import { call } from "../../ipc/client.js";
import { explain } from "../../ipc/errors.js";
import type { PaymentRequest, RemoteMethod, RequestState } from "../../ipc/wire.js";

const over: readonly RequestState[] = ["confirmed", "expired", "cancelled"];

export const isOpen = ({ state }: Pick<PaymentRequest, "state">) => !over.includes(state);
/** Money that goes back. The generated type is that of an entry's direction, which has the same name. */
export const isRefund = ({ direction }: Pick<PaymentRequest, "direction">) => (direction as string) === "refund";
/** Its gateway tells whether it was paid; of the others somebody looks into the bank's statement. */
export const isGateway = (method: RemoteMethod) => method === "paymob" || method === "paypal";

/** A UTR has twelve digits, and people type spaces between them; any other number is as the bank writes it. */
export function transferNumber(method: RemoteMethod, typed: string): string | null {
  const number = method === "upi" ? typed.replace(/\s/g, "") : typed.trim();
  return (method === "upi" ? /^(?!0{12})\d{12}$/ : /./).test(number) ? number : null;
}

/** One request on the screen, and what can be done about it. */
export class RequestDesk {
  request: PaymentRequest = $state.raw() as PaymentRequest;
  /** Why the last act was not done. */
  problem: string | null = $state(null);
  busy = $state(false);

  constructor(request: PaymentRequest) {
    this.request = request;
  }

  get open(): boolean {
    return isOpen(this.request);
  }

  get #chosen() {
    return { request_id: this.request.id };
  }

  /** Looks whether something has happened, by itself: a gateway is asked, the others are read again. */
  async look(): Promise<void> {
    if (this.busy || !this.open) return;
    const { method } = this.request;
    try {
      const now = await call(isGateway(method) ? "payment_request_check" : "payment_request_get", this.#chosen);
      // What somebody did meanwhile is newer.
      if (!this.busy) this.request = now;
    } catch {
      // Nobody asked for it; the button that asks says why there is no answer.
    }
  }

  check(): Promise<boolean> {
    return this.#do(() => call("payment_request_check", this.#chosen));
  }

  confirm(reference: string): Promise<boolean> {
    return this.#do(() => call("payment_request_confirm", { ...this.#chosen, reference }));
  }

  claim(reference: string | null): Promise<boolean> {
    return this.#do(() => call("payment_request_claim", { ...this.#chosen, reference }));
  }

  /** Throws when the server says no: the question for the reason shows it. */
  async cancel(reason: string): Promise<void> {
    this.request = await call("payment_request_cancel", { ...this.#chosen, reason });
  }

  async #do(act: () => Promise<PaymentRequest>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.problem = null;
    try {
      this.request = await act();
      return true;
    } catch (error) {
      this.problem = explain(error);
      return false;
    } finally {
      this.busy = false;
    }
  }
}
