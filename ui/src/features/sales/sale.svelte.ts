import { call } from "../../ipc/client.js";
import { CallError, explain } from "../../ipc/errors.js";
import type {
  AskPayment,
  Basket,
  Line,
  Member,
  Plan,
  PlanKind,
  Product,
  SalePreview,
  Sell,
  Subscription,
} from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { place } from "../../shared/place.svelte.js";
import { fold } from "../finder/commands.js";
import { Once } from "../payments/once.svelte.js";
import type { Bill, Paid } from "../payments/paying.js";
import { branchRounding } from "../payments/rounding.js";
import { Tender } from "../payments/tender.svelte.js";
import { isMeant } from "../products/product-form.js";
import { ask, remoteMethods } from "../requests/methods.svelte.js";
import { renewable } from "../subscriptions/status.js";
import { choiceText } from "./choice-text.js";

/** What is about to be sold, and to whom; null is a customer who is no member. */
export type Wish =
  | { member_id: string | null; plan_id?: string | null; kind?: PlanKind }
  | { subscription_id: string };

/** One line of the list: a renewal of what the member has, a plan, something from the shelf, or a gift voucher. */
export type Choice =
  | { kind: "renew"; subscription: Subscription }
  | { kind: "new"; plan: Plan }
  | { kind: "product"; product: Product }
  | { kind: "voucher" };

/** The same thing, also in a list that was loaded again. */
export function keyOf(choice: Choice): string {
  switch (choice.kind) {
    case "renew":
      return choice.subscription.id;
    case "new":
      return choice.plan.id;
    case "product":
      return choice.product.id;
    case "voucher":
      return "voucher";
  }
}

/** One line of the basket. */
export interface BasketLine {
  /** Of this page. */
  id: number;
  choice: Choice;
  /** How many; only something from the shelf is sold more than once in a line. */
  quantity: number;
  /** Of a new subscription; empty means today. */
  starts_on: string;
  /** Of a lapsed one: count from the day after its old end. */
  from_old_end: boolean;
  /** Of a voucher, in minor units; null while nothing, or no amount, is typed. */
  amount: number | null;
}

/** The choices: newest renewable subscription of each plan first, then every plan and product that has a price. */
export function choicesFor(
  subscriptions: readonly Subscription[],
  plans: readonly Plan[],
  products: readonly Product[],
): Choice[] {
  const renewals = new Map<string, Subscription>();
  for (const one of subscriptions) {
    if (renewable(one) && !renewals.has(one.plan_id)) renewals.set(one.plan_id, one);
  }
  return [
    ...[...renewals.values()].map((subscription): Choice => ({ kind: "renew", subscription })),
    ...plans
      .filter((plan) => plan.price !== null && plan.archived_at === null)
      .map((plan): Choice => ({ kind: "new", plan })),
    ...products.filter((product) => product.price !== null).map((product): Choice => ({ kind: "product", product })),
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
function sent({ choice, quantity, starts_on, from_old_end, amount }: BasketLine): Line | null {
  switch (choice.kind) {
    case "renew":
      return { kind: "renew", subscription_id: choice.subscription.id, from_old_end };
    case "new":
      return { kind: "new", plan_id: choice.plan.id, starts_on: starts_on === "" ? null : starts_on };
    case "product":
      return { kind: "product", product_id: choice.product.id, quantity };
    case "voucher":
      return amount ? { kind: "voucher", amount: { minor: amount, currency: place.currency } } : null;
  }
}

/** One opening of the dialog: one sale at most, whatever the network does. */
export class SaleDesk {
  /** Null for a customer who is no member. */
  member: Member | null = $state.raw(null);
  choices: Choice[] = $state.raw([]);
  /** What is looked for among the choices. */
  text = $state("");
  /** The choice that the keys are at. Until something is added, it is also what is sold. */
  marked = $state(0);
  lines: BasketLine[] = $state([]);
  /** More than one thing is being sold: choosing then only moves the mark, and adding is a step of its own. */
  several = $state(false);
  preview: SalePreview | null = $state.raw(null);
  /** The preview is of what is in the basket now. While it is asked for, the last one keeps its place on the screen. */
  fresh = $state(false);
  /** Why there is no preview. */
  problem: string | null = $state(null);
  /** What became of the last scan, where it put nothing into the basket. */
  notice: string | null = $state(null);
  loading = $state(true);

  readonly tender = new Tender();
  readonly once = new Once(
    (sell: Sell) => call("sell", sell),
    () => this.ask(),
  );
  /** Money asked for from afar, before anything is sold. */
  asking = $state.raw(this.#newAsking());

  #asked = 0;
  #next = 0;
  #opened: Promise<void> | undefined;
  /** It is known who buys. */
  #served = false;
  /** What is sold was chosen by nobody yet: it makes room for the first thing from the shelf. */
  #suggested = false;
  #inCash = $state.raw((minor: number) => minor);

  bill: Bill | null = $derived.by(() => {
    const { preview } = this;
    if (!preview) return null;
    return { total: preview.total, inCash: this.#inCash };
  });

  /** Somebody has to be there who is asked. */
  get askable() {
    return this.member && this.preview ? remoteMethods.offered(this.preview.total.currency) : [];
  }

  paid: Paid | null = $derived(
    this.bill && this.tender.paid(this.bill, this.preview?.credit.minor ?? 0, this.askable),
  );

  /** Nothing of it is changed any more: it is being sold, or the payer was asked for the sum. */
  get fixed(): boolean {
    return this.once.fixed || this.asking.fixed || this.asking.answer !== null;
  }

  #newAsking() {
    return new Once(ask, () => this.ask());
  }

  /** The choices that what is typed leaves, with their places. */
  shown = $derived.by(() => {
    const words = fold(this.text).split(/\s+/).filter(Boolean);
    return this.choices.flatMap((choice, index) => {
      const name = choice.kind === "product" ? "" : fold(choiceText(choice));
      const meant = choice.kind === "product" ? isMeant(choice.product, this.text) : words.every((word) => name.includes(word));
      return meant ? [{ choice, index }] : [];
    });
  });

  open(wish: Wish): Promise<void> {
    this.#opened = this.#open(wish);
    return this.#opened;
  }

  async #open(wish: Wish): Promise<void> {
    try {
      await this.#load("member_id" in wish ? wish.member_id : await this.#memberOf(wish.subscription_id));
      const index = wished(this.choices, wish);
      this.marked = Math.max(0, index);
      this.#suggested = index < 0;
      this.lines = [this.member && this.#line(this.choices[this.marked])].filter((line) => line !== null);
      await this.ask();
      // Something else than what was asked for is never sold without a word.
      if (index < 0 && "kind" in wish) this.problem = m.sell_no_such_kind();
    } catch (error) {
      this.problem = explain(error);
    }
    this.loading = false;
  }

  /** Who buys, and what can be sold to them. */
  async #load(member_id: string | null): Promise<void> {
    const none = { rows: [] };
    const [member, subscriptions, plans, products, inCash] = await Promise.all([
      member_id === null ? null : call("member_get", { member_id }),
      member_id === null ? none : call("member_subscriptions", { member_id }),
      member_id === null ? none : call("plan_list", { archived: false }),
      call("product_list", { archived: false, low_stock: false }),
      branchRounding(),
      remoteMethods.load(),
    ]);
    this.#inCash = inCash;
    this.member = member;
    this.#served = true;
    this.choices = choicesFor(subscriptions.rows, plans.rows, products.rows);
  }

  /** Sells to somebody else, or to nobody in particular: who is no member buys from the shelf and vouchers. */
  async serve(member_id: string | null): Promise<void> {
    if (this.fixed) return;
    try {
      await this.#load(member_id);
      const mine = this.lines.filter(({ choice }) => choice.kind === "product" || choice.kind === "voucher");
      this.text = "";
      this.marked = Math.max(0, this.#indexOf(mine.at(-1)?.choice));
      this.several = mine.length > 0;
      this.#suggested = mine.length === 0;
      this.tender.owe(false);
      this.tender.uses_credit = false;
      this.#fill(mine.length > 0 ? mine : [this.member && this.#line(this.choices[0])]);
    } catch (error) {
      this.problem = explain(error);
    }
  }

  /** A renewal knows whose it is; the server says it before anything is chosen. */
  async #memberOf(subscription_id: string): Promise<string> {
    const lines: Line[] = [{ kind: "renew", subscription_id, from_old_end: false }];
    const { member_id } = await call("sale_preview", { member_id: null, lines });
    if (member_id === null) throw new CallError({ code: "not_found", message: "the subscription has no member" });
    return member_id;
  }

  #line(choice: Choice | undefined): BasketLine | null {
    return choice
      ? { id: this.#next++, choice, quantity: 1, starts_on: "", from_old_end: false, amount: null }
      : null;
  }

  #indexOf(choice: Choice | undefined): number {
    return choice ? this.choices.findIndex((one) => keyOf(one) === keyOf(choice)) : -1;
  }

  /** How many of a choice are being sold. */
  times(choice: Choice): number {
    const key = keyOf(choice);
    return this.lines.reduce((sum, line) => (keyOf(line.choice) === key ? sum + line.quantity : sum), 0);
  }

  /** Looks for something by name; the first that is meant is marked. */
  find(text: string): void {
    this.text = text;
    const [first] = this.shown;
    if (first && text.trim() !== "") this.marked = first.index;
  }

  /** Moves the mark by so many lines of what is shown. Answers where it is then, or -1. */
  beside(by: number): number {
    const at = this.shown.findIndex(({ index }) => index === this.marked);
    return this.shown[Math.min(this.shown.length - 1, Math.max(0, at + by))]?.index ?? -1;
  }

  /** Goes to a choice; it takes the place of what is sold, unless several things are. */
  choose(index: number): void {
    if (this.fixed || index < 0 || index >= this.choices.length) return;
    this.marked = index;
    if (this.several) return;
    this.#suggested = false;
    this.#fill([this.#line(this.choices[index])]);
  }

  /** Somebody named it: it is sold, and with it what is sold already where that is more than one thing. */
  take(index: number): void {
    if (this.several || this.choices[index]?.kind === "product") this.add(index);
    else this.choose(index);
  }

  /** Sells a choice as well. The first time, on the choice that is sold already, it only begins a longer basket. */
  add(index: number): void {
    const choice = this.choices[index];
    if (this.fixed || !choice) return;
    if (choice.kind === "product") {
      this.#put(choice);
      return;
    }
    const begins = !this.several && index === this.marked && this.lines.length > 0;
    this.several = true;
    this.marked = index;
    this.#suggested = false;
    if (!begins) this.#fill([...this.lines, this.#line(choice)]);
  }

  /** One more of something from the shelf. */
  #put(choice: Choice): void {
    const there = this.lines.find((line) => keyOf(line.choice) === keyOf(choice));
    const kept = this.#suggested && !there ? [] : this.lines;
    this.several = true;
    this.marked = this.#indexOf(choice);
    this.#suggested = false;
    if (there) there.quantity++;
    this.#fill(there ? kept : [...kept, this.#line(choice)]);
  }

  /** One less of a choice: of the last line that sells it. */
  less(index: number): void {
    const choice = this.choices[index];
    const line = choice && this.lines.findLast((one) => keyOf(one.choice) === keyOf(choice));
    if (!line || this.fixed) return;
    if (line.quantity > 1) {
      line.quantity--;
      this.#fill(this.lines);
    } else this.remove(line.id);
  }

  /** A basket may become empty only where it was filled from the shelf. */
  removable(line: BasketLine): boolean {
    return this.lines.length > 1 || line.choice.kind === "product";
  }

  remove(id: number): void {
    const line = this.lines.find((one) => one.id === id);
    if (this.fixed || !line || !this.removable(line)) return;
    this.#fill(this.lines.filter((one) => one !== line));
    const [only] = this.lines;
    if (this.lines.length > 1 || only?.choice.kind === "product") return;
    this.several = false;
    if (only) this.marked = this.#indexOf(only.choice);
  }

  /** Puts what was scanned into the basket. Answers whether it was a product at all. */
  async scan(code: string): Promise<boolean> {
    await this.#opened;
    this.notice = null;
    const product = await call("product_by_code", { code }).catch(() => null);
    if (!product) return false;
    if (!this.#served || this.fixed || this.once.answer !== null) return true;
    if (product.price === null) {
      this.notice = m.sell_product_no_price({ product: product.name });
      return true;
    }
    const choice: Choice = { kind: "product", product };
    // It may have come onto the shelf after the list was loaded.
    if (this.#indexOf(choice) < 0) this.choices = [...this.choices, choice];
    this.text = "";
    this.#put(choice);
    return true;
  }

  #fill(lines: (BasketLine | null)[]): void {
    this.lines = lines.filter((line) => line !== null);
    this.tender.reset();
    void this.ask();
  }

  get basket(): Basket | null {
    const lines = this.lines.map(sent);
    const complete = lines.length > 0 && lines.every((line) => line !== null);
    return complete ? { member_id: this.member?.id ?? null, lines } : null;
  }

  /** What it will be: days, visits, price; by the code that will sell it. */
  async ask(): Promise<void> {
    const { basket } = this;
    const question = ++this.#asked;
    this.fresh = false;
    this.problem = null;
    if (!basket) {
      this.preview = null;
      return;
    }
    try {
      const preview = await call("sale_preview", basket);
      if (question !== this.#asked) return;
      this.preview = preview;
      this.fresh = true;
    } catch (error) {
      if (question !== this.#asked) return;
      this.preview = null;
      this.problem = explain(error);
    }
  }

  /** Sells, once. Nothing is sent while something about the payment is still wrong. */
  async commit(): Promise<void> {
    const { paid } = this;
    if (paid?.ask && this.once.unanswered === null) await this.#askFor(paid.ask);
    else await this.#sell(paid);
  }

  async #sell(paid: Paid | null): Promise<void> {
    const { basket, preview, fresh } = this;
    const request: Sell | null =
      basket && preview && fresh && paid?.ready
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

  /** Asks the payer. Nothing is sold yet: the money comes as credit, and the credit pays. */
  async #askFor({ method, amount }: NonNullable<Paid["ask"]>): Promise<void> {
    const { member, paid, asking } = this;
    if (!member || !paid?.ready || !this.fresh || asking.busy) return;
    try {
      const { payer_id } = await call("debts", { member_id: member.id });
      const { keep_method } = this.tender;
      const request: AskPayment = { idempotency_key: asking.key, method, payer_id, charge_ids: [], amount, keep_method };
      await asking.send(request);
    } catch (error) {
      this.problem = explain(error);
    }
  }

  /** The money is there: sells what it was asked for. */
  async came(): Promise<void> {
    const { paid } = this;
    if (!paid?.ask) return;
    await this.#sell({ ...paid, credit: paid.credit + paid.ask.amount.minor });
    // Where the sale is refused, a price having changed, the money is credit all the same and pays the next try.
    if (this.once.answer === null && this.once.unanswered === null) {
      this.again();
      this.tender.uses_credit = true;
    }
  }

  /** Pays another way: what was asked for is over. */
  again(): void {
    this.asking = this.#newAsking();
    this.tender.choose("cash");
  }
}
