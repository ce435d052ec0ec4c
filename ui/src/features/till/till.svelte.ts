import { call } from "../../ipc/client.js";
import { CallError, explain } from "../../ipc/errors.js";
import type { Till, Tills } from "../../ipc/wire.js";

/** The drawer of this desk and the shift that runs at it. */
class TillDesk {
  till: Till | null = $state.raw(null);
  /** The branch's drawers, for whoever chooses one. */
  tills: Tills = $state.raw({ rows: [], desks: [] });
  problem: string | null = $state(null);
  /** It was asked for at least once; without a till then, this desk has none. */
  known = $state(false);
  #asked = 0;

  async load(): Promise<void> {
    const question = ++this.#asked;
    try {
      const [till, tills] = await Promise.all([this.#get(), call("till_list")]);
      if (question !== this.#asked) return;
      this.till = till;
      this.tills = tills;
      this.problem = null;
      this.known = true;
    } catch (error) {
      if (question === this.#asked) this.problem = explain(error);
    }
  }

  async #get(): Promise<Till | null> {
    try {
      return await call("till_get", { till_id: null });
    } catch (error) {
      if (error instanceof CallError && error.code === "not_found") return null;
      throw error;
    }
  }

  /** Gives this desk another drawer. */
  async use(desk_id: string, till_id: string): Promise<void> {
    await call("desk_till_set", { desk_id, till_id });
    await this.load();
  }

  forget(): void {
    this.#asked++;
    this.till = null;
    this.known = false;
  }
}

export const tillDesk = new TillDesk();
