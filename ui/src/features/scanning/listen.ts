import { GAP_MS, Wedge } from "./wedge.js";

export interface Listener {
  /** A scanner typed this code. */
  onscan: (code: string) => void;
  /** Somebody began to type while no field had the focus. */
  ontyped: (text: string) => void;
}

type Editable = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

const TEXTLESS = new Set(["button", "checkbox", "color", "file", "image", "radio", "range", "reset", "submit"]);

function editable(target: EventTarget | null): Editable | null {
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return target;
  return target instanceof HTMLInputElement && !TEXTLESS.has(target.type) ? target : null;
}

/** The state of a field before a burst, to be put back when the burst was a scan. */
function remember(field: Editable): () => void {
  const { value } = field;
  if (field instanceof HTMLSelectElement) {
    return () => {
      if (field.value === value) return;
      field.value = value;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    };
  }
  const { selectionStart, selectionEnd } = field;
  return () => {
    if (field.value === value) return;
    field.value = value;
    if (selectionStart !== null) field.setSelectionRange(selectionStart, selectionEnd);
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  };
}

/**
 * Watches every key of the window before anything else sees it. Keys of a burst never press a button or run a
 * shortcut, and what a scan typed into a field is taken out again. Answers a function that stops watching.
 */
export function listen(target: Window, { onscan, ontyped }: Listener): () => void {
  const wedge = new Wedge();
  let restore = () => {};
  let held = "";
  let timer: ReturnType<typeof setTimeout> | undefined;

  function release() {
    clearTimeout(timer);
    const text = held;
    held = "";
    if (text !== "") ontyped(text);
  }

  function hold(event: KeyboardEvent) {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.key.length === 1) held += event.key;
    clearTimeout(timer);
    timer = setTimeout(release, GAP_MS + 10);
  }

  function keydown(event: KeyboardEvent) {
    const step = wedge.press({
      code: event.code,
      shift: event.shiftKey,
      command: event.ctrlKey || event.altKey || event.metaKey,
      repeat: event.repeat,
      at: event.timeStamp,
    });
    const field = editable(event.target);
    const inList = event.target instanceof Element && event.target.closest("[role='menu'],[role='listbox']") !== null;
    switch (step.kind) {
      case "first":
        release();
        restore = field ? remember(field) : () => {};
        // Space presses the focused button; anywhere else a first character may be the start of a word or a scan.
        if (!field && !inList && event.code !== "Space") hold(event);
        break;
      case "more":
        if (!field) hold(event);
        break;
      case "scan":
        event.preventDefault();
        event.stopImmediatePropagation();
        clearTimeout(timer);
        held = "";
        restore();
        onscan(step.code);
        break;
      case "other":
        break;
    }
  }

  target.addEventListener("keydown", keydown, { capture: true });
  return () => {
    clearTimeout(timer);
    target.removeEventListener("keydown", keydown, { capture: true });
  };
}
