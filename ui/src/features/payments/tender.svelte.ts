import type { Method, RemoteMethod } from "../../ipc/wire.js";
import { today } from "../../shared/place.svelte.js";
import { addDays } from "../../shared/text/time.js";
import { deskMethods, pay, type Bill, type Paid, type Part } from "./paying.js";

/** Days that somebody who cannot pay at once usually gets. */
const OWE_DAYS = 7;

/** How the bill on the screen is being paid: the state of the payment fields. */
export class Tender {
  parts: Part[] = $state([]);
  /** The payer's credit pays what it can. */
  uses_credit = $state(false);
  /** The rest stays owed until then; null: nothing does. */
  owe_until: string | null = $state(null);
  /** The payer agrees that the gateway keeps the method for what is due later. */
  keep_method = $state(false);
  /** Somebody tried to go on: from then on everything that is missing is named. */
  tried = $state(false);
  #next = 0;

  constructor() {
    this.parts = [this.#part("cash")];
  }

  #part(method: Method): Part {
    return { id: this.#next++, method, amount: null, tendered: null, reference: "" };
  }

  /** Another bill: amounts typed for the old one are gone, the way of paying stays. */
  reset(): void {
    this.parts = [this.#part(this.parts[0]?.method ?? "cash")];
    this.tried = false;
  }

  /** One way for all of it. */
  choose(method: Method): void {
    this.parts = [{ ...this.#part(method), amount: this.owe_until === null ? null : (this.parts[0]?.amount ?? null) }];
    this.tried = false;
  }

  /** One more way of paying; the first is the other of cash and card. */
  split(): void {
    // What is asked for from afar is asked for alone.
    this.parts = this.parts.map((part) => (deskMethods.some((one) => one === part.method) ? part : { ...part, method: "cash" }));
    const taken = this.parts.map((part) => part.method);
    this.parts.push(this.#part(taken.includes("card_terminal") ? "cash" : "card_terminal"));
  }

  remove(id: number): void {
    this.parts = this.parts.filter((part) => part.id !== id);
  }

  owe(owing: boolean): void {
    this.owe_until = owing ? addDays(today(), OWE_DAYS) : null;
  }

  /** What it comes to. `credit` is what the payer has, in minor units; `askable` how they can be asked from afar. */
  paid(bill: Bill, credit: number, askable: readonly RemoteMethod[] = []): Paid {
    const used = this.uses_credit ? Math.min(credit, bill.total.minor) : 0;
    return pay(bill, { parts: this.parts, credit: used, owe_until: this.owe_until, askable });
  }
}
