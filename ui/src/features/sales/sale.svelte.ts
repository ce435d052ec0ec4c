import { call } from "../../ipc/client.js";
import { CallError, explain } from "../../ipc/errors.js";
import type { Basket, Line, Member, Plan, PlanKind, SalePreview, Sell, Subscription } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { place } from "../../shared/place.svelte.js";
import { Once } from "../payments/once.svelte.js";
import type { Bill, Paid } from "../payments/paying.js";
import { branchRounding } from "../payments/rounding.js";
import { Tender } from "../payments/tender.svelte.js";
import { renewable } from "../subscriptions/status.js";

/** What is about to be sold, and to whom. */
export type Wish =
  | { member_id: string; plan_id?: string | null; kind?: PlanKind }
  | { subscription_id: string };

/** One line of the list: a renewal of what the member has, a plan, or a gift voucher. */
export type Choice =
  | { kind: "renew"; subscription: Subscription }
  | { kind: "new"; plan: Plan }
  | { kind: "voucher" };

/** One line of the basket. */
export interface BasketLine {
  /** Of this page. */
  id: number;
  /** Where it stands among the choices. */
  index: number;
  choice: Choice;
  /** Of a new subscription; empty means today. */
  starts_on: string;
  /** Of a lapsed one: count from the day after its old end. */
  from_old_end: boolean;
  /** Of a voucher, in minor units; null while nothing, or no amount, is typed. */
  amount: number | null;
}

/** The choices for a member: newest renewable subscription of each plan first, then every plan that has a price. */
export function choicesFor(subscriptions: readonly Subscription[], plans: readonly Plan[]): Choice[] {
  const renewals = new Map<string, Subscription>();
  for (const one of subscriptions) {
    if (renewable(one) && !renewals.has(one.plan_id)) renewals.set(one.plan_id, one);
  }
  return [
    ...[...renewals.values()].map((subscription): Choice => ({ kind: "renew", subscription })),
    ...plans
      .filter((plan) => plan.price !== null && plan.archived_at === null)
      .map((plan): Choice => ({ kind: "new", plan })),
    { kind: "voucher" },
  ];
}

/** The line that a wish means, or -1. */
export function wished(choices: readonly Choice[], wish: Wish): number {
  return choices.findIndex((choice) => {
    if ("subscription_id" in wish) return choice.kind === "renew" && choice.subscription.id === wish.subscription_id;
    if (choice.kind !== "new") return false;
    if (wish.plan_id) return choice.plan.id === wish.plan_id;
    return wish.kind !== undefined && choice.plan.kind === wish.kind;
  });
}

/** A line as it is sent; null while something of it is not typed yet. */
function sent({ choice, starts_on, from_old_end, amount }: BasketLine): Line | null {
  switch (choice.kind) {
    case "renew":
      return { kind: "renew", subscription_id: choice.subscription.id, from_old_end };
    case "new":
      return { kind: "new", plan_id: choice.plan.id, starts_on: starts_on === "" ? null : starts_on };
    case "voucher":
      return amount ? { kind: "voucher", amount: { minor: amount, currency: place.currency } } : null;
  }
}

/** One opening of the dialog: one sale at most, whatever the network does. */
export class SaleDesk {
  member: Member | null = $state.raw(null);
  choices: Choice[] = $state.raw([]);
  /** The choice that the keys are at. Until something is added, it is also what is sold. */
  marked = $state(0);
  lines: BasketLine[] = $state([]);
  /** More than one thing is being sold: choosing then only moves the mark, and adding is a step of its own. */
  several = $state(false);
  preview: SalePreview | null = $state.raw(null);
  /** Why there is no preview. */
  problem: string | null = $state(null);
  loading = $state(true);

  readonly tender = new Tender();
  readonly once = new Once(
    (sell: Sell) => call("sell", sell),
    () => this.ask(),
  );

  #asked = 0;
  #next = 0;
  #inCash = $state.raw((minor: number) => minor);

  bill: Bill | null = $derived.by(() => {
    const { preview } = this;
    if (!preview) return null;
    return { total: preview.total, inCash: this.#inCash };
  });

  paid: Paid | null = $derived(this.bill && this.tender.paid(this.bill, this.preview?.credit.minor ?? 0));

  async open(wish: Wish): Promise<void> {
    try {
      const member_id = "member_id" in wish ? wish.member_id : await this.#memberOf(wish.subscription_id);
      const [member, subscriptions, plans, inCash] = await Promise.all([
        call("member_get", { member_id }),
        call("member_subscriptions", { member_id }),
        call("plan_list", { archived: false }),
        branchRounding(),
      ]);
      this.#inCash = inCash;
      this.member = member;
      this.choices = choicesFor(subscriptions.rows, plans.rows);
      const index = wished(this.choices, wish);
      this.marked = Math.max(0, index);
      this.lines = [this.#line(this.marked)].filter((line) => line !== null);
      await this.ask();
      // Something else than what was asked for is never sold without a word.
      if (index < 0 && "kind" in wish) this.problem = m.sell_no_such_kind();
    } catch (error) {
      this.problem = explain(error);
    }
    this.loading = false;
  }

  /** A renewal knows whose it is; the server says it before anything is chosen. */
  async #memberOf(subscription_id: string): Promise<string> {
    const lines: Line[] = [{ kind: "renew", subscription_id, from_old_end: false }];
    const { member_id } = await call("sale_preview", { member_id: null, lines });
    if (member_id === null) throw new CallError({ code: "not_found", message: "the subscription has no member" });
    return member_id;
  }

  #line(index: number): BasketLine | null {
    const choice = this.choices[index];
    return choice ? { id: this.#next++, index, choice, starts_on: "", from_old_end: false, amount: null } : null;
  }

  /** Goes to a choice; it takes the place of what is sold, unless several things are. */
  choose(index: number): void {
    if (this.once.fixed || index < 0 || index >= this.choices.length) return;
    this.marked = index;
    if (!this.several) this.#fill([this.#line(index)]);
  }

  /** Sells a choice as well. The first time, on the choice that is sold already, it only begins a longer basket. */
  add(index: number): void {
    if (this.once.fixed || index < 0 || index >= this.choices.length) return;
    const begins = !this.several && index === this.marked;
    this.several = true;
    this.marked = index;
    if (!begins) this.#fill([...this.lines, this.#line(index)]);
  }

  remove(id: number): void {
    if (this.once.fixed || this.lines.length < 2) return;
    this.#fill(this.lines.filter((line) => line.id !== id));
    const [only] = this.lines;
    if (only && this.lines.length === 1) {
      this.several = false;
      this.marked = only.index;
    }
  }

  #fill(lines: (BasketLine | null)[]): void {
    this.lines = lines.filter((line) => line !== null);
    this.tender.reset();
    void this.ask();
  }

  get basket(): Basket | null {
    const { member } = this;
    const lines = this.lines.map(sent);
    return member && lines.every((line) => line !== null) ? { member_id: member.id, lines } : null;
  }

  /** What it will be: days, visits, price; by the code that will sell it. */
  async ask(): Promise<void> {
    const { basket } = this;
    const question = ++this.#asked;
    this.preview = null;
    this.problem = null;
    if (!basket) return;
    try {
      const preview = await call("sale_preview", basket);
      if (question === this.#asked) this.preview = preview;
    } catch (error) {
      if (question === this.#asked) this.problem = explain(error);
    }
  }

  /** Sells, once. Nothing is sent while something about the payment is still wrong. */
  async commit(): Promise<void> {
    const { basket, preview, paid } = this;
    const request: Sell | null =
      basket && preview && paid?.ready
        ? {
            ...basket,
            idempotency_key: this.once.key,
            expected_total: preview.total,
            expected_starts_on: preview.lines.find((line) => line.starts_on)?.starts_on ?? null,
            credit_minor: paid.credit,
            payments: paid.payments,
            owe_until: paid.owed > 0 ? this.tender.owe_until : null,
          }
        : null;
    await this.once.send(request);
  }
}
