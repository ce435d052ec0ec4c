import { call } from "../../ipc/client.js";
import type { SyncStatus } from "../../ipc/wire.js";

/** How this database stands with its headquarters; nothing for one that is alone. */
class SyncDesk {
  status: SyncStatus | null = $state.raw(null);
  /** When it was told: "12 s ago" goes on from there by this machine's own clock. */
  told_at = $state(new Date());
  /** Counts the tellings: whoever shows more than the chip looks again. */
  news = $state(0);
  #asked = 0;

  get joined(): boolean {
    return this.status !== null && this.status.mode !== "alone";
  }

  /** Asks again. A failure changes nothing: that the desk cannot ask at all is said elsewhere. */
  async load(): Promise<void> {
    const question = ++this.#asked;
    try {
      const status = await call("sync_status");
      if (question !== this.#asked) return;
      this.hear(status);
      this.news++;
    } catch {
      // The next event or minute asks again.
    }
  }

  /** What came with something else that was asked. An answer to `load` that is still under way is heard all the same: it may
   *  be the newer one, and as news it makes the page look again. */
  hear(status: SyncStatus): void {
    this.status = status;
    this.told_at = new Date();
  }

  forget(): void {
    this.#asked++;
    this.status = null;
  }
}

export const syncDesk = new SyncDesk();
