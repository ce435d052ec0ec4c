import { call } from "../../ipc/client.js";
import { explain } from "../../ipc/errors.js";
import type { Expenses, ExpenseState, ListExpenses } from "../../ipc/wire.js";
import type { Day } from "../../shared/text/time.js";
import { monthBefore, monthEnd } from "./sums.js";

/** Months shown at first: this one and those before it. */
const MONTHS = 3;

export interface Asked {
  from: Day;
  until: Day;
  category: string | null;
  state: ExpenseState | null;
  query: string;
}

/** The bills of some days, as asked for. */
export class ExpenseList {
  asked: Asked = $state() as Asked;
  offset = $state(0);
  page: Expenses | null = $state.raw(null);
  problem: string | null = $state(null);
  readonly #first: Asked;
  #question = 0;

  constructor(today: Day) {
    this.#first = { from: monthBefore(today, MONTHS - 1), until: today, category: null, state: null, query: "" };
    this.asked = { ...this.#first };
  }

  /** Something is left out that was shown at first. */
  get narrowed(): boolean {
    return JSON.stringify(this.asked) !== JSON.stringify(this.#first);
  }

  get request(): ListExpenses | null {
    const { from, until, query } = this.asked;
    // A date that is being typed has no value for a while.
    if (from === "" || until === "") return null;
    return { ...this.asked, query: query.trim() === "" ? null : query, offset: this.offset };
  }

  /** Other bills are asked for: from their first page on. */
  ask(some: Partial<Asked>): void {
    this.offset = 0;
    this.asked = { ...this.asked, ...some };
  }

  showAll(): void {
    this.ask(this.#first);
  }

  /** The bills behind one total: of a month, of a category, or of both. */
  open(month: Day | null, category: string | null): void {
    const { from, until } = this.asked;
    this.ask({
      ...(category === null ? {} : { category }),
      ...(month === null
        ? {}
        : { from: month > from ? month : from, until: monthEnd(month) < until ? monthEnd(month) : until }),
    });
  }

  async load(): Promise<void> {
    const { request } = this;
    if (request === null) return;
    const question = ++this.#question;
    try {
      const page = await call("expense_list", request);
      if (question !== this.#question) return;
      this.page = page;
      this.problem = null;
    } catch (error) {
      if (question === this.#question) this.problem = explain(error);
    }
  }
}
