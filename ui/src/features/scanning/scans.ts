/** Takes a code that is its own; answers whether it was. */
export type Taker = (code: string) => Promise<boolean>;

/** Who looks at a scan before the door does: the open list, and before it the dialog on top. */
class Scans {
  #takers: Taker[] = [];

  /** Looks at every scan until the returned function is called. */
  add(taker: Taker): () => void {
    this.#takers.push(taker);
    return () => (this.#takers = this.#takers.filter((one) => one !== taker));
  }

  /** Asks the newest first. False: nobody wanted it, so it is somebody at the door. */
  async take(code: string): Promise<boolean> {
    for (const taker of this.#takers.toReversed()) if (await taker(code)) return true;
    return false;
  }
}

export const scans = new Scans();
