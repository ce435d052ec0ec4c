import { call } from "../../ipc/client.js";
import { explain } from "../../ipc/errors.js";
import type { TimelineKind, TimelineRow } from "../../ipc/wire.js";

const PAGE = 100;

/** What happened to one member, or what of it is of one kind, newest first, as far back as it was asked for. */
export class MemberTimeline {
  kind: TimelineKind | null = $state(null);
  more = $state(false);
  busy = $state(false);
  problem: string | null = $state(null);
  rows: TimelineRow[] | null = $state.raw(null);
  #question = 0;

  constructor(readonly member_id: string) {}

  /** From the newest on. */
  async load(): Promise<void> {
    await this.#read(null, []);
  }

  async choose(kind: TimelineKind | null): Promise<void> {
    this.kind = kind;
    await this.load();
  }

  /** Goes on where the list ends. */
  async older(): Promise<void> {
    const last = this.rows?.at(-1);
    if (this.rows && last) await this.#read({ at: last.at, id: last.id }, this.rows);
  }

  async #read(before: { at: string; id: string } | null, shown: readonly TimelineRow[]): Promise<void> {
    const question = ++this.#question;
    this.busy = true;
    try {
      const { member_id, kind } = this;
      const { rows, more } = await call("member_timeline", { member_id, kind, before, limit: PAGE });
      if (question !== this.#question) return;
      this.rows = [...shown, ...rows];
      this.more = more;
      this.problem = null;
    } catch (error) {
      if (question === this.#question) this.problem = explain(error);
    } finally {
      if (question === this.#question) this.busy = false;
    }
  }
}
