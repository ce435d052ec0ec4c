/**
 * Hardware scanners that type ("keyboard wedge").
 *
 * A scan is a burst: at least `SHORTEST` characters, each less than `GAP_MS` after the one before, ended by Enter or
 * Tab just as fast. Nobody types like that. The characters are taken from the keys' places, as the scanner's US
 * layout means them, so an Arabic, French or Hindi keyboard layout, or a forgotten Caps Lock, cannot spoil a code.
 */
export const GAP_MS = 30;
export const SHORTEST = 6;

/** What matters of a key that went down. */
export interface Key {
  /** The key's place: `KeyboardEvent.code`. */
  code: string;
  shift: boolean;
  /** Ctrl, Alt or Meta is held: a command, not a character. */
  command: boolean;
  /** The key is being held down. */
  repeat: boolean;
  /** Milliseconds on any steady clock. */
  at: number;
}

/** What a key turned out to be. */
export type Step =
  /** A character that may begin a burst. */
  | { kind: "first" }
  /** A character of a running burst. */
  | { kind: "more" }
  /** The end key of a burst: this is the code. */
  | { kind: "scan"; code: string }
  /** One more end key right behind a scan's: many scanners end with two. */
  | { kind: "tail" }
  /** Anything else. */
  | { kind: "other" };

const PUNCTUATION: Record<string, string> = {
  Minus: "-_", Equal: "=+", BracketLeft: "[{", BracketRight: "]}", Backslash: "\\|", Semicolon: ";:", Quote: "'\"",
  Backquote: "`~", Comma: ",<", Period: ".>", Slash: "/?", Space: "  ",
  Digit1: "1!", Digit2: "2@", Digit3: "3#", Digit4: "4$", Digit5: "5%",
  Digit6: "6^", Digit7: "7&", Digit8: "8*", Digit9: "9(", Digit0: "0)",
  NumpadAdd: "++", NumpadSubtract: "--", NumpadMultiply: "**", NumpadDivide: "//", NumpadDecimal: "..",
};

/** The character that a US keyboard has at this place, or null for a key that writes nothing. */
export function character(code: string, shift: boolean): string | null {
  const letter = /^Key([A-Z])$/.exec(code)?.[1];
  if (letter !== undefined) return shift ? letter : letter.toLowerCase();
  const pad = /^Numpad(\d)$/.exec(code)?.[1];
  if (pad !== undefined) return pad;
  return PUNCTUATION[code]?.[shift ? 1 : 0] ?? null;
}

/** Follows the keys and tells scans from typing. */
export class Wedge {
  #code = "";
  #last = Number.NEGATIVE_INFINITY;
  #ended = Number.NEGATIVE_INFINITY;

  press(key: Key): Step {
    const running = this.#code !== "" && key.at - this.#last < GAP_MS && !key.repeat && !key.command;
    if (key.code === "ShiftLeft" || key.code === "ShiftRight") {
      // Scanners press Shift between characters; it neither breaks a burst nor lengthens it.
      if (running) this.#last = key.at;
      return { kind: "other" };
    }
    const typed = key.command || key.repeat ? null : character(key.code, key.shift);
    if (typed !== null) {
      this.#code = running ? this.#code + typed : typed;
      this.#last = key.at;
      return { kind: running ? "more" : "first" };
    }
    const code = this.#code;
    this.#code = "";
    const ends = key.code === "Enter" || key.code === "NumpadEnter" || key.code === "Tab";
    if (!ends || key.command) return { kind: "other" };
    const scanned = running && code.length >= SHORTEST;
    if (!scanned && key.at - this.#ended >= GAP_MS) return { kind: "other" };
    this.#ended = key.at;
    return scanned ? { kind: "scan", code } : { kind: "tail" };
  }
}
