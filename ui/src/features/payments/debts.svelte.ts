import { call } from "../../ipc/client.js";
import { explain } from "../../ipc/errors.js";
import type { AskPayment, Debts, PayDebts } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { money } from "../../shared/place.svelte.js";
import { ask, remoteMethods } from "../requests/methods.svelte.js";
import { Once } from "./once.svelte.js";
import type { Bill, Paid } from "./paying.js";
import { branchRounding } from "./rounding.js";
import { Tender } from "./tender.svelte.js";

/** One opening of the dialog: what is owed, and one payment of it at most. */
export class DebtsDesk {
  debts: Debts | null = $state.raw(null);
  /** Charges that this is not for. */
  left_out: string[] = $state([]);
  /** What is paid now, in minor units; null: all that is owed. More than that stays as credit. */
  amount: number | null = $state(null);
  problem: string | null = $state(null);

  readonly tender = new Tender();
  readonly once = new Once(
    (pay: PayDebts) => call("pay_debts", pay),
    () => this.load(),
  );
  asking = $state.raw(this.#newAsking());
  #inCash = $state.raw((minor: number) => minor);

  constructor(readonly member_id: string) {}

  #newAsking() {
    return new Once(ask, () => this.load());
  }

  async load(): Promise<void> {
    try {
      [this.debts, this.#inCash] = await Promise.all([
        call("debts", { member_id: this.member_id }),
        branchRounding(),
        remoteMethods.load(),
      ]);
      this.problem = null;
    } catch (error) {
      this.problem = explain(error);
    }
  }

  /** Of the chosen charges, in minor units. */
  get owed(): number {
    const { debts, left_out } = this;
    if (!debts) return 0;
    const off = debts.rows.filter((row) => left_out.includes(row.charge_id));
    return off.reduce((rest, row) => rest - row.owed.minor, debts.owed.minor);
  }

  choose(charge_id: string, chosen: boolean): void {
    this.left_out = chosen ? this.left_out.filter((id) => id !== charge_id) : [...this.left_out, charge_id];
    this.amount = null;
    this.tender.reset();
  }

  bill: Bill | null = $derived.by(() => {
    if (!this.debts) return null;
    const minor = this.amount ?? this.owed;
    // Only the last payment of a debt is rounded; a part of it is what was handed over.
    const inCash = minor === this.owed ? this.#inCash : (exact: number) => exact;
    return { total: { minor, currency: this.debts.owed.currency }, inCash };
  });

  get askable() {
    return this.debts ? remoteMethods.offered(this.debts.owed.currency) : [];
  }

  paid: Paid | null = $derived(
    this.bill && this.tender.paid(this.bill, Math.min(this.debts?.credit.minor ?? 0, this.owed), this.askable),
  );

  get #chosen(): string[] {
    return this.debts?.rows.map((row) => row.charge_id).filter((id) => !this.left_out.includes(id)) ?? [];
  }

  async commit(): Promise<void> {
    const { paid, bill, left_out } = this;
    if (paid?.ask && this.once.unanswered === null) return this.#ask(paid, paid.ask);
    const request: PayDebts | null =
      paid?.ready && bill && bill.total.minor > 0
        ? {
            idempotency_key: this.once.key,
            member_id: this.member_id,
            charge_ids: left_out.length === 0 ? [] : this.#chosen,
            credit_minor: paid.credit,
            payments: paid.payments,
            in_advance: bill.total.minor > this.owed,
          }
        : null;
    await this.once.send(request);
  }

  /** Asks the payer; what is owed is settled when the money comes. */
  async #ask({ ready, credit }: Paid, { method, amount }: NonNullable<Paid["ask"]>): Promise<void> {
    const { debts, owed, asking } = this;
    if (!debts || !ready) return;
    // A request settles what it was made for: nothing of it can go elsewhere.
    if (credit > 0) this.problem = m.ask_credit_first();
    else if (owed > 0 && amount.minor > owed) {
      this.problem = m.ask_not_above_owed({ amount: money({ minor: owed, currency: amount.currency }) });
    } else {
      this.problem = null;
      const charge_ids = owed > 0 ? this.#chosen : [];
      const { keep_method } = this.tender;
      const request: AskPayment = { idempotency_key: asking.key, method, payer_id: debts.payer_id, charge_ids, amount, keep_method };
      await asking.send(request);
    }
  }

  /** Pays another way: what was asked for is over. */
  async again(): Promise<void> {
    this.asking = this.#newAsking();
    this.tender.choose("cash");
    await this.load();
  }
}
