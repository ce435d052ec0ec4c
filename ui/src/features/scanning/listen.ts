import { GAP_MS, Wedge } from "./wedge.js";

export interface Listener {
  /** A scanner typed this code. */
  onscan: (code: string) => void;
  /**
   * Somebody began to type while no field had the focus. Answers how to take it back: on a busy machine the first
   * keys of a scan may come so far apart that they look like typing.
   */
  ontyped: (text: string) => (() => void) | undefined;
}

type Editable = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

const TEXTLESS = new Set(["button", "checkbox", "color", "file", "image", "radio", "range", "reset", "submit"]);

function editable(target: EventTarget | null): Editable | null {
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return target;
  return target instanceof HTMLInputElement && !TEXTLESS.has(target.type) ? target : null;
}

/** In lists and menus, and where an element says so itself, a letter is a key of their own. */
function takesLetters(target: EventTarget): boolean {
  return target instanceof Element && target.closest("[role='menu'],[role='listbox'],[data-letters]") !== null;
}

/** Types at the caret, as a person would. */
export function typeInto(field: HTMLInputElement | HTMLTextAreaElement, text: string): void {
  field.focus();
  // A date or number field has no caret.
  if (field.selectionStart === null) field.value += text;
  else field.setRangeText(text, field.selectionStart, field.selectionEnd ?? field.selectionStart, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

/** The state of a field before a burst, to be put back when the burst was a scan. */
function remember(field: Editable): () => void {
  const { value } = field;
  const [start, end] = field instanceof HTMLSelectElement ? [null, null] : [field.selectionStart, field.selectionEnd];
  return () => {
    const changed = field.value !== value;
    // Also where the value is the same: a date field shows what was typed before it is a date.
    field.value = value;
    if (!changed) return;
    if (start !== null && !(field instanceof HTMLSelectElement)) field.setSelectionRange(start, end);
    field.dispatchEvent(new Event(field instanceof HTMLSelectElement ? "change" : "input", { bubbles: true }));
  };
}

/**
 * Watches every key of the window before anything else sees it. Keys of a burst never press a button or run a
 * shortcut, and what a scan typed into a field is taken out again. Answers a function that stops watching.
 */
export function listen(target: Window, { onscan, ontyped }: Listener): () => void {
  const wedge = new Wedge();
  /** What the running burst has changed so far, and how to take it back. */
  let remembered = new Map<Editable | null, () => void>();
  let held: KeyboardEvent[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let replaying = false;

  function note(field: Editable) {
    if (!remembered.has(field)) remembered.set(field, remember(field));
  }

  /** No scan after all, or not yet known to be one: the keys do what they were pressed for. */
  function release() {
    clearTimeout(timer);
    const keys = held;
    held = [];
    const origin = keys[0]?.target;
    if (!origin) return;
    if (takesLetters(origin)) {
      replaying = true;
      for (const { key, code, shiftKey } of keys) {
        origin.dispatchEvent(new KeyboardEvent("keydown", { key, code, shiftKey, bubbles: true, cancelable: true }));
      }
      replaying = false;
      return;
    }
    const text = keys.map(({ key }) => (key.length === 1 ? key : "")).join("");
    const field = editable(document.activeElement);
    if (text === "") return;
    if (field && !(field instanceof HTMLSelectElement)) {
      // A dialog has opened meanwhile, and its field is where the person believes to type.
      note(field);
      typeInto(field, text);
    } else {
      const takeBack = ontyped(text);
      // Of several pieces the first knows how things were before.
      if (takeBack && !remembered.has(null)) remembered.set(null, takeBack);
    }
  }

  function hold(event: KeyboardEvent) {
    event.preventDefault();
    event.stopImmediatePropagation();
    held.push(event);
    clearTimeout(timer);
    timer = setTimeout(release, GAP_MS + 10);
  }

  function keydown(event: KeyboardEvent) {
    if (replaying) return;
    const step = wedge.press({
      code: event.code,
      shift: event.shiftKey,
      command: event.ctrlKey || event.altKey || event.metaKey,
      repeat: event.repeat,
      at: event.timeStamp,
    });
    const field = editable(event.target);
    switch (step.kind) {
      case "first":
        release();
        remembered = new Map();
        if (field) note(field);
        // Space presses the focused button; anything else may be the start of a word or of a scan.
        else if (event.code !== "Space") hold(event);
        break;
      case "more":
        // What began outside every field stays outside, whatever has taken the focus meanwhile.
        if (field && held.length === 0) note(field);
        else hold(event);
        break;
      case "scan":
        event.preventDefault();
        event.stopImmediatePropagation();
        clearTimeout(timer);
        held = [];
        for (const takeBack of [...remembered.values()].toReversed()) takeBack();
        onscan(step.code);
        break;
      case "tail":
        event.preventDefault();
        event.stopImmediatePropagation();
        break;
      case "other": {
        // Where letters are keys of their own, the one before this comes first: T and a quick Enter is a card, not cash.
        const origin = event.key === "Shift" ? null : held[0]?.target;
        if (origin && takesLetters(origin)) release();
        break;
      }
    }
  }

  target.addEventListener("keydown", keydown, { capture: true });
  return () => {
    clearTimeout(timer);
    target.removeEventListener("keydown", keydown, { capture: true });
  };
}
