import { untrack } from "svelte";

/** A key that does something, with the words that the help (`?`) shows for it. */
export interface Shortcut {
  /** As shown: "F2", "Ctrl+K", "Esc", "?". */
  keys: string;
  text: () => string;
  run: () => void;
  /** Also while a dialog is open. */
  always?: boolean;
}

/** How often a dialog that is saving is looked at. */
const LOOK_MS = 50;

const openDialog = () => document.querySelector("[role='dialog'][data-state='open']");
const isSaving = (dialog: Element) => dialog.querySelector("[aria-busy='true']") !== null;

/** The keys that work now: the frame's own and those of the open view. */
class Shortcuts {
  /** What was asked for while a dialog was saving, in order. */
  #waiting: (() => void)[] = [];
  #groups = $state.raw<readonly { title: () => string; list: readonly Shortcut[] }[]>([]);

  get groups() {
    return this.#groups;
  }

  /** Adds keys until the returned function is called. An effect may call it: it depends on no other group. */
  add(title: () => string, list: readonly Shortcut[]): () => void {
    const group = { title, list };
    untrack(() => (this.#groups = [...this.#groups, group]));
    return () => untrack(() => (this.#groups = this.#groups.filter((other) => other !== group)));
  }

  /** Runs what the key stands for. Answers whether there was something. */
  press(event: KeyboardEvent): boolean {
    const keys = name(event);
    const dialog = openDialog();
    // Esc answers the dialog itself.
    const later = dialog !== null && isSaving(dialog) && keys !== "Esc";
    for (const group of this.#groups.toReversed()) {
      const found = group.list.find((shortcut) => shortcut.keys === keys && (shortcut.always || later || !dialog));
      if (found) {
        event.preventDefault();
        if (found.always) found.run();
        else this.afterSaving(found.run);
        return true;
      }
    }
    return false;
  }

  /**
   * Runs it now, or as soon as the dialog that is saving has closed: who has pressed Enter is done with it and goes on.
   * When the dialog stays open, with a refusal or one more question, that comes first and this is forgotten.
   */
  afterSaving(run: () => void): void {
    if (openDialog() === null) {
      run();
      return;
    }
    this.#waiting.push(run);
    if (this.#waiting.length === 1) this.#look();
  }

  #look(): void {
    const dialog = openDialog();
    if (dialog && isSaving(dialog)) {
      setTimeout(() => this.#look(), LOOK_MS);
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    if (!dialog) for (const run of waiting) run();
  }
}

/** The pressed key as it is written in the list. By its place on the keyboard, so that it works in every layout. */
export function name(event: Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "altKey">): string {
  const control = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  const alt = event.altKey ? "Alt+" : "";
  const letter = /^(?:Key|Digit)(.)$/.exec(event.code)?.[1];
  if (event.key === "?" || event.key === "؟") return "?";
  if (event.key === "Escape") return "Esc";
  return control + alt + (control !== "" && letter !== undefined ? letter : event.key);
}

export const shortcuts = new Shortcuts();
