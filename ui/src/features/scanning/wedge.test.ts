// @vitest-environment node
import { describe, expect, test } from "vitest";
import { character, Wedge, type Key, type Step } from "./wedge.js";

/** The key strokes by which a US scanner types a text, `gap` milliseconds apart. */
function strokes(text: string, gap: number, start = 1000): Key[] {
  const codes = [
    ..."abcdefghijklmnopqrstuvwxyz".split("").map((letter) => `Key${letter.toUpperCase()}`),
    ..."0123456789".split("").map((digit) => `Digit${digit}`),
    "Minus", "Equal", "BracketLeft", "BracketRight", "Backslash", "Semicolon", "Quote", "Backquote", "Comma", "Period", "Slash", "Space",
  ];
  const keys: Key[] = [];
  let at = start;
  const push = (code: string, shift: boolean) => {
    keys.push({ code, shift, command: false, repeat: false, at });
    at += gap;
  };
  for (const letter of text) {
    if (letter === "\n") push("Enter", false);
    else if (letter === "\t") push("Tab", false);
    else {
      const code = codes.find((place) => character(place, false) === letter);
      const shifted = codes.find((place) => character(place, true) === letter);
      if (code !== undefined) push(code, false);
      else if (shifted !== undefined) {
        push("ShiftLeft", true);
        push(shifted, true);
      } else throw new Error(`no key for ${letter}`);
    }
  }
  return keys;
}

function scans(keys: Key[]): string[] {
  const wedge = new Wedge();
  return keys.map((key) => wedge.press(key)).flatMap((step: Step) => (step.kind === "scan" ? [step.code] : []));
}

describe("a burst of keys", () => {
  test.each([
    ["a member card", "GH:6BFOXN%$2Q.+/*-KB0000000", "\n"],
    ["a card of the old system", "GYM-123", "\n"],
    ["a code that ends with Tab", "5901234123457", "\t"],
    ["every sign of a US keyboard", "aZ09 -_=+[{]}\\|;:'\"`~,<.>/?!@#$%^&*()", "\n"],
  ])("%s is a scan", (_, code, end) => {
    expect(scans(strokes(code + end, 8))).toEqual([code]);
  });

  test("two scans in a row are two", () => {
    expect(scans([...strokes("GYM-123\n", 5), ...strokes("GYM-456\n", 5, 1500)])).toEqual(["GYM-123", "GYM-456"]);
  });

  test("the second end key of a scanner that sends two belongs to the scan, a person's Enter does not", () => {
    const wedge = new Wedge();
    const kinds = strokes("GYM-123\n\n", 5).map((key) => wedge.press(key).kind);
    expect(kinds.slice(-2)).toEqual(["scan", "tail"]);
    expect(wedge.press({ code: "Enter", shift: false, command: false, repeat: false, at: 1500 }).kind).toBe("other");
  });

  test("Caps Lock and a foreign layout change nothing, since only the keys' places count", () => {
    const codes = ["KeyG", "KeyY", "KeyM", "Minus", "Digit1", "Digit2", "Enter"];
    const keys = codes.map((code, index) => ({
      code,
      shift: code.startsWith("Key"),
      command: false,
      repeat: false,
      at: index * 10,
    }));
    expect(scans(keys)).toEqual(["GYM-12"]);
  });

  test("the number pad types digits", () => {
    const keys = ["1", "2", "3", "4", "5", "6"].map((digit, index) => ({
      code: `Numpad${digit}`, shift: false, command: false, repeat: false, at: index * 10,
    }));
    expect(scans([...keys, { code: "NumpadEnter", shift: false, command: false, repeat: false, at: 60 }])).toEqual(["123456"]);
  });
});

describe("typing stays typing", () => {
  test.each([
    ["a quick typist", "mona adel\n", 45],
    ["the slowest gap that is no burst", "123456\n", 30],
    ["a short burst", "12345\n", 5],
    ["an Enter alone", "\n", 5],
  ])("%s", (_, text, gap) => {
    expect(scans(strokes(text, gap))).toEqual([]);
  });

  test("a burst whose Enter comes late", () => {
    const keys = strokes("GYM-123", 5);
    expect(scans([...keys, { code: "Enter", shift: false, command: false, repeat: false, at: 1500 }])).toEqual([]);
  });

  test("a key held down", () => {
    const held = Array.from({ length: 10 }, (_, index) => ({
      code: "KeyA", shift: false, command: false, repeat: index > 0, at: index * 20,
    }));
    expect(scans([...held, { code: "Enter", shift: false, command: false, repeat: false, at: 200 }])).toEqual([]);
  });

  test("pasting, which is a command and not a burst", () => {
    const keys: Key[] = [
      { code: "ControlLeft", shift: false, command: true, repeat: false, at: 0 },
      { code: "KeyV", shift: false, command: true, repeat: false, at: 10 },
      { code: "Enter", shift: false, command: false, repeat: false, at: 20 },
    ];
    expect(scans(keys)).toEqual([]);
  });

  test("what was typed before a scan is not part of the code", () => {
    expect(scans([...strokes("mo", 100, 0), ...strokes("GYM-123\n", 5, 1000)])).toEqual(["GYM-123"]);
  });
});
