import { SvelteSet } from "svelte/reactivity";
import { call } from "../../ipc/client.js";
import { CallError } from "../../ipc/errors.js";
import type { AskPayment, PaymentRequest, RemoteMethod } from "../../ipc/wire.js";

/** Currencies that a way moves; a transfer between banks moves all of them. */
const currencies: Record<RemoteMethod, readonly string[] | null> = {
  upi: ["INR"],
  bank_transfer: null,
  paymob: ["AED", "EGP", "OMR", "PKR", "SAR"],
  paypal: [
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "MXN", "MYR", "NOK",
    "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
  ],
};

export const moves = (method: RemoteMethod, currency: string) => currencies[method]?.includes(currency) ?? true;

/** Ways that a payer can be asked by: those that are set up at the branch. */
class RemoteMethods {
  #enabled = new SvelteSet<RemoteMethod>();

  /** Asks which are set up. Without an answer what was known before stays. */
  async load(): Promise<void> {
    try {
      const { rows } = await call("payment_methods");
      for (const method of Object.keys(currencies) as RemoteMethod[]) this.learn(method, rows.includes(method));
    } catch {
      // Nobody is kept from paying in cash by it.
    }
  }

  offered(currency: string): RemoteMethod[] {
    return (Object.keys(currencies) as RemoteMethod[]).filter((method) => moves(method, currency) && this.#enabled.has(method));
  }

  learn(method: RemoteMethod, enabled: boolean): void {
    if (enabled) this.#enabled.add(method);
    else this.#enabled.delete(method);
  }
}

export const remoteMethods = new RemoteMethods();

/** Asks a member for money. */
export async function ask(asked: AskPayment): Promise<PaymentRequest> {
  try {
    return await call("payment_request", asked);
  } catch (error) {
    if (error instanceof CallError && error.code === "method_not_set_up") remoteMethods.learn(asked.method, false);
    throw error;
  }
}
