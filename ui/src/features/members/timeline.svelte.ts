import { call } from "../../ipc/client.js";
import { explain } from "../../ipc/errors.js";
import type { TimelineRow } from "../../ipc/wire.js";
import { kindOf, type TimelineKind } from "./timeline-text.js";

const PAGE = 100;
/** Pages looked through at once for something of one kind. */
const MOST_PAGES = 10;

const instant = (row: TimelineRow) => Date.parse(row.at);

/** What happened to one member, newest first, as far back as it was asked for. */
export class MemberTimeline {
  kind: TimelineKind | null = $state(null);
  more = $state(false);
  busy = $state(false);
  problem: string | null = $state(null);
  all: TimelineRow[] | null = $state.raw(null);
  #question = 0;

  constructor(readonly member_id: string) {}

  rows: TimelineRow[] = $derived(
    // Who was let in has an entry with the reason; the same act of the log says it once more.
    (this.all ?? []).filter(({ what }) => what !== "entry.let_in" && (this.kind === null || kindOf(what) === this.kind)),
  );

  /** From the newest on. */
  async load(): Promise<void> {
    await this.#read(async () => {
      const { rows, more } = await call("member_timeline", { member_id: this.member_id, before: null, limit: PAGE });
      return { all: rows, more };
    });
  }

  async choose(kind: TimelineKind | null): Promise<void> {
    this.kind = kind;
    if (this.rows.length === 0 && this.more) await this.older();
  }

  /** Goes back until something of the chosen kind comes. */
  async older(): Promise<void> {
    const shown = this.rows.length;
    for (let page = 0; page < MOST_PAGES && this.more && this.rows.length === shown; page++) {
      if (!(await this.#read(() => this.#before(this.all ?? [])))) return;
    }
  }

  async #before(all: readonly TimelineRow[]): Promise<{ all: TimelineRow[]; more: boolean }> {
    const last = all.at(-1);
    if (!last) return { all: [...all], more: false };
    // A sale and its receipt happen at one instant, and a page may end between them: so the next one begins with that
    // instant again, and what was shown of it is left out.
    const again = all.filter((row) => instant(row) === instant(last)).length;
    const before = new Date(instant(last) + 1).toISOString();
    const { rows, more } = await call("member_timeline", { member_id: this.member_id, before, limit: PAGE });
    return { all: [...all, ...rows.slice(again)], more };
  }

  async #read(ask: () => Promise<{ all: TimelineRow[]; more: boolean }>): Promise<boolean> {
    const question = ++this.#question;
    this.busy = true;
    try {
      const { all, more } = await ask();
      if (question !== this.#question) return false;
      this.all = all;
      this.more = more;
      this.problem = null;
      return true;
    } catch (error) {
      if (question === this.#question) this.problem = explain(error);
      return false;
    } finally {
      if (question === this.#question) this.busy = false;
    }
  }
}
