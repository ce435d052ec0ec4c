/** The member whose page is open; it stays open while somebody looks at Reception in between. */
class Opened {
  member_id: string | null = $state(null);
  #listeners = new Set<() => void>();

  /** Calls back whenever members or what they bought may have changed. Answers a function that stops it. */
  onchange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

export const opened = new Opened();
