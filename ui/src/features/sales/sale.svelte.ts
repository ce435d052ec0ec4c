import { call } from "../../ipc/client.js";
import { CallError, explain, Unreachable } from "../../ipc/errors.js";
import { newId } from "../../ipc/ids.js";
import type { Basket, Line, Member, Plan, PlanKind, Sale, SalePreview, Sell, Subscription } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { pay, type How, type Paid } from "./payment.js";
import { renewable } from "./status.js";

/** What is about to be sold, and to whom. */
export type Wish =
  | { member_id: string; plan_id?: string | null; kind?: PlanKind }
  | { subscription_id: string };

/** One line of the list: a renewal of what the member has, or a plan. */
export type Choice = { kind: "renew"; subscription: Subscription } | { kind: "new"; plan: Plan };

const TRIES = 4;
const RETRY_MS = 1000;
const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

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
  ];
}

/** The line that a wish means, or -1. */
export function wished(choices: readonly Choice[], wish: Wish): number {
  return choices.findIndex((choice) => {
    if ("subscription_id" in wish) return choice.kind === "renew" && choice.subscription.id === wish.subscription_id;
    if (choice.kind === "renew") return false;
    if (wish.plan_id) return choice.plan.id === wish.plan_id;
    return wish.kind !== undefined && choice.plan.kind === wish.kind;
  });
}

/** One opening of the dialog: one sale at most, whatever the network does. */
export class SaleDesk {
  member: Member | null = $state.raw(null);
  choices: Choice[] = $state.raw([]);
  chosen = $state(0);
  /** Of a new subscription; empty means today. */
  starts_on = $state("");
  /** Of a lapsed one: count from the day after its old end. */
  from_old_end = $state(false);
  preview: SalePreview | null = $state.raw(null);
  how: How = $state("cash");
  tendered: number | null = $state(null);
  cash: number | null = $state(null);
  reference = $state("");
  problem: string | null = $state(null);
  loading = $state(true);
  busy = $state(false);
  /** Sent without an answer: whether it was stored is unknown, so only this very sale may be sent again. */
  unanswered: Sell | null = $state.raw(null);
  sale: Sale | null = $state.raw(null);

  #key = newId();
  #asked = 0;

  async open(wish: Wish): Promise<void> {
    try {
      const member_id = "member_id" in wish ? wish.member_id : await this.#memberOf(wish.subscription_id);
      const [member, subscriptions, plans] = await Promise.all([
        call("member_get", { member_id }),
        call("member_subscriptions", { member_id }),
        call("plan_list", { archived: false }),
      ]);
      this.member = member;
      this.choices = choicesFor(subscriptions.rows, plans.rows);
      const index = wished(this.choices, wish);
      this.chosen = Math.max(0, index);
      await this.ask();
      // Something else than what was asked for is never sold without a word.
      if (index < 0 && "kind" in wish && this.choices.length > 0) this.problem = m.sell_no_such_kind();
    } catch (error) {
      this.problem = explain(error);
    }
    this.loading = false;
  }

  get choice(): Choice | undefined {
    return this.choices[this.chosen];
  }

  choose(index: number): void {
    if (this.busy || this.unanswered || index < 0 || index >= this.choices.length) return;
    this.chosen = index;
    this.from_old_end = false;
    this.tendered = null;
    this.cash = null;
    void this.ask();
  }

  /** A renewal knows whose it is; the server says it before anything is chosen. */
  async #memberOf(subscription_id: string): Promise<string> {
    const lines: Line[] = [{ kind: "renew", subscription_id, from_old_end: false }];
    const { member_id } = await call("sale_preview", { member_id: null, lines });
    if (member_id === null) throw new CallError({ code: "not_found", message: "the subscription has no member" });
    return member_id;
  }

  get basket(): Basket | null {
    const { choice, member } = this;
    if (!choice || !member) return null;
    const starts_on = this.starts_on === "" ? null : this.starts_on;
    const line: Line =
      choice.kind === "renew"
        ? { kind: "renew", subscription_id: choice.subscription.id, from_old_end: this.from_old_end }
        : { kind: "new", plan_id: choice.plan.id, starts_on };
    return { member_id: member.id, lines: [line] };
  }

  /** What it will be: days, visits, price; by the code that will sell it. */
  async ask(): Promise<void> {
    const basket = this.basket;
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

  get paid(): Paid | null {
    return this.preview && pay(this.preview.total, this);
  }

  /** Sells. A lost answer is asked for again with the same key, so nothing is sold twice. */
  async commit(): Promise<void> {
    if (this.busy || this.sale) return;
    const { basket, preview, paid } = this;
    const sell =
      this.unanswered ??
      (basket && preview && paid && paid.problem === null
        ? {
            ...basket,
            idempotency_key: this.#key,
            expected_total: preview.total,
            expected_starts_on: preview.lines.find((line) => line.starts_on)?.starts_on ?? null,
            credit_minor: 0,
            payments: paid.payments,
            owe_until: null,
          }
        : null);
    if (!sell) return;
    this.busy = true;
    this.problem = null;
    for (let attempt = 1; ; attempt++) {
      try {
        this.sale = await call("sell", sell);
        this.unanswered = null;
        break;
      } catch (error) {
        if (error instanceof Unreachable) {
          this.unanswered = sell;
          if (attempt < TRIES) {
            await pause(RETRY_MS * attempt);
            continue;
          }
        } else {
          this.unanswered = null;
          // What was shown may no longer be so: a price changed, another desk sold the same.
          await this.ask();
        }
        this.problem = explain(error);
        break;
      }
    }
    this.busy = false;
  }
}
