import { call } from "../../ipc/client.js";
import { explain } from "../../ipc/errors.js";
import type { MemberHit } from "../../ipc/wire.js";

const PAGE = 100;
const PAUSE_MS = 60;

/** All members, or those a search finds, page after page as they come into view. */
export class MemberList {
  text = $state("");
  rows: MemberHit[] = $state.raw([]);
  total = $state(0);
  marked = $state(0);
  loading = $state(false);
  problem: string | null = $state(null);
  /** The first answer is there: an empty list now means that there is nobody. */
  ready = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Answers to older questions are dropped. */
  #asked = 0;
  /** Enter came before the answer: open the first hit as soon as it is there. */
  #impatient: ((hit: MemberHit) => void) | null = null;

  type(text: string): void {
    this.text = text;
    this.#impatient = null;
    clearTimeout(this.#timer);
    this.#asked++;
    this.loading = true;
    this.#timer = setTimeout(() => void this.load(), PAUSE_MS);
  }

  move(by: number): void {
    this.marked = Math.max(0, Math.min(this.rows.length - 1, this.marked + by));
  }

  /** Opens the marked hit, or the first one as soon as the search has answered. */
  choose(open: (hit: MemberHit) => void): void {
    if (this.loading) {
      this.#impatient = open;
      return;
    }
    const hit = this.rows[this.marked];
    if (hit) open(hit);
  }

  /** From the first row on. */
  async load(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#fetch(0);
  }

  async more(): Promise<void> {
    if (!this.loading && this.problem === null && this.rows.length < this.total) await this.#fetch(this.rows.length);
  }

  async #fetch(offset: number): Promise<void> {
    const question = ++this.#asked;
    this.loading = true;
    try {
      const search = this.text.trim();
      const page = await call("member_list", { search: search === "" ? null : search, offset, limit: PAGE });
      if (question !== this.#asked) return;
      this.rows = offset === 0 ? page.rows : [...this.rows, ...page.rows];
      this.total = page.total;
      this.problem = null;
      if (offset === 0) this.marked = 0;
    } catch (error) {
      if (question !== this.#asked) return;
      this.problem = explain(error);
    }
    this.loading = false;
    this.ready = true;
    const open = this.#impatient;
    this.#impatient = null;
    if (open) this.choose(open);
  }
}
