/** A part of a member's page. */
export type MemberTab = "subscriptions" | "money" | "passes" | "notes" | "measurements" | "entries" | "timeline" | "details";

/** The member whose page is open; it stays open while somebody looks at Reception in between. */
class Opened {
  member_id: string | null = $state(null);
  #tab: MemberTab | null = null;
  #listeners = new Set<() => void>();

  /** Opens a page, perhaps at a certain part. */
  open(member_id: string, tab?: MemberTab): void {
    this.#tab = tab ?? null;
    this.member_id = member_id;
  }

  /** The part that a page opens at, once. */
  takeTab(): MemberTab {
    const tab = this.#tab ?? "subscriptions";
    this.#tab = null;
    return tab;
  }

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
