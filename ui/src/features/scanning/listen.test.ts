import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { listen } from "./listen.js";

let stop = () => {};
const onscan = vi.fn();
const ontyped = vi.fn();
let now = 0;

/** Presses a key like a keyboard would: the character lands in the focused field unless somebody prevents it. */
function press(code: string, key: string, gap: number): KeyboardEvent {
  now += gap;
  const at = now;
  const event = new KeyboardEvent("keydown", { code, key, bubbles: true, cancelable: true });
  Object.defineProperty(event, "timeStamp", { value: at });
  const focused = document.activeElement ?? document.body;
  if (focused.dispatchEvent(event) && key.length === 1 && focused instanceof HTMLInputElement) {
    focused.setRangeText(key, focused.selectionStart ?? 0, focused.selectionEnd ?? 0, "end");
    focused.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  return event;
}

function type(text: string, gap: number): void {
  for (const letter of text) press(`${/\d/.test(letter) ? "Digit" : "Key"}${letter.toUpperCase()}`, letter, gap);
}

beforeEach(() => {
  vi.useFakeTimers();
  onscan.mockReset();
  ontyped.mockReset();
  document.body.innerHTML = `<input id="name" value="Mona " /><button id="save">Save</button>`;
  stop = listen(window, { onscan, ontyped });
});

afterEach(() => {
  stop();
  vi.useRealTimers();
});

describe("a scan while a form has the focus", () => {
  test("never stays in the field, and its Enter does not send the form", () => {
    const field = document.querySelector<HTMLInputElement>("#name");
    if (!field) throw new Error("no field");
    const seen: string[] = [];
    field.addEventListener("input", () => seen.push(field.value));
    field.focus();
    field.setSelectionRange(5, 5);
    now += 500;
    type("gym1234", 8);
    expect(field.value).toBe("Mona gym1234");
    const enter = press("Enter", "Enter", 8);
    expect(enter.defaultPrevented).toBe(true);
    expect(field.value).toBe("Mona ");
    expect(field.selectionStart).toBe(5);
    expect(seen.at(-1)).toBe("Mona ");
    expect(onscan).toHaveBeenCalledExactlyOnceWith("gym1234");
  });

  test("leaves what a person types alone", () => {
    const field = document.querySelector<HTMLInputElement>("#name");
    field?.focus();
    field?.setSelectionRange(5, 5);
    now += 500;
    type("adel123", 60);
    const enter = press("Enter", "Enter", 60);
    expect(enter.defaultPrevented).toBe(false);
    expect(field?.value).toBe("Mona adel123");
    expect(onscan).not.toHaveBeenCalled();
  });
});

describe("a scan around which the focus moves", () => {
  const dialogOpens = () => {
    document.body.insertAdjacentHTML("beforeend", `<input id="reason">`);
    const field = document.querySelector<HTMLInputElement>("#reason")!;
    field.focus();
    return field;
  };

  test("leaves nothing in the field of a dialog that opens in the middle of it", () => {
    now += 500;
    type("gym", 8);
    const field = dialogOpens();
    type("1234", 8);
    press("Enter", "Enter", 8);
    vi.runAllTimers();
    expect(field.value).toBe("");
    expect(onscan).toHaveBeenCalledExactlyOnceWith("gym1234");
    expect(ontyped).not.toHaveBeenCalled();
  });

  test("leaves nothing in either field when it began in another one", () => {
    const name = document.querySelector<HTMLInputElement>("#name")!;
    name.focus();
    now += 500;
    type("gym", 8);
    const field = dialogOpens();
    type("1234", 8);
    press("Enter", "Enter", 8);
    expect([name.value, field.value]).toEqual(["Mona ", ""]);
  });

  test("takes back what a busy machine took for typing", () => {
    const box = { text: "" };
    ontyped.mockImplementation((text: string) => {
      box.text += text;
      return () => (box.text = "");
    });
    now += 500;
    // Stamped 8 ms apart, but handled late: the first letter has already gone to the box, which took the focus.
    type("g", 8);
    vi.runAllTimers();
    expect(box.text).toBe("g");
    const field = dialogOpens();
    type("ym1234", 8);
    press("Enter", "Enter", 8);
    expect(box.text).toBe("");
    expect(field.value).toBe("");
    expect(onscan).toHaveBeenCalledExactlyOnceWith("gym1234");
  });

  test("takes a scan back that came in pieces, as it was before the first of them", () => {
    let box = "";
    ontyped.mockImplementation((text: string) => {
      const before = box;
      box += text;
      return () => (box = before);
    });
    now += 500;
    for (const digit of "123456") {
      press(`Digit${digit}`, digit, 8);
      vi.runAllTimers();
    }
    expect(box).toBe("123456");
    press("Enter", "Enter", 8);
    expect(box).toBe("");
    expect(onscan).toHaveBeenCalledExactlyOnceWith("123456");
  });

  test("typing that a dialog's field was late for arrives in the field", () => {
    now += 500;
    type("a", 100);
    const field = dialogOpens();
    vi.runAllTimers();
    type("del", 100);
    expect(field.value).toBe("adel");
    expect(ontyped).not.toHaveBeenCalled();
  });
});

describe("a list with the focus", () => {
  const seen: string[] = [];
  beforeEach(() => {
    seen.length = 0;
    document.body.innerHTML = `<ul role="listbox" tabindex="0"></ul>`;
    const list = document.querySelector<HTMLElement>("ul")!;
    list.addEventListener("keydown", ({ key }) => seen.push(key));
    list.focus();
    now += 500;
  });

  test("gets the letters that a person presses", () => {
    type("t", 100);
    vi.runAllTimers();
    expect(seen).toEqual(["t"]);
    expect(ontyped).not.toHaveBeenCalled();
  });

  test("gets a letter before the Enter that follows it at once: a card is not taken as cash", () => {
    type("t", 100);
    const enter = press("Enter", "Enter", 12);
    expect(seen).toEqual(["t", "Enter"]);
    expect(enter.defaultPrevented).toBe(false);
    vi.runAllTimers();
    expect(seen).toEqual(["t", "Enter"]);
  });

  test("so does a button of a form that has keys of its own", () => {
    document.body.innerHTML = `<form data-letters><input type="radio" /></form>`;
    const form = document.querySelector<HTMLElement>("form")!;
    form.addEventListener("keydown", ({ code }) => seen.push(code));
    form.querySelector("input")!.focus();
    type("t", 100);
    vi.runAllTimers();
    expect(seen).toEqual(["KeyT"]);
    expect(ontyped).not.toHaveBeenCalled();
  });

  test("gets none of a scan's", () => {
    type("t12345", 8);
    press("Enter", "Enter", 8);
    vi.runAllTimers();
    expect(seen).toEqual([]);
    expect(onscan).toHaveBeenCalledExactlyOnceWith("t12345");
  });
});

describe("a scan while a button has the focus", () => {
  test("presses no button and runs no shortcut", () => {
    const later = vi.fn();
    document.addEventListener("keydown", later);
    document.querySelector<HTMLElement>("#save")?.focus();
    now += 500;
    type("gym1234", 8);
    press("Enter", "Enter", 8);
    vi.runAllTimers();
    document.removeEventListener("keydown", later);
    expect(onscan).toHaveBeenCalledExactlyOnceWith("gym1234");
    expect(later).not.toHaveBeenCalled();
    expect(ontyped).not.toHaveBeenCalled();
  });

  test("typing goes to the box, letter by letter or in a rush", () => {
    now += 500;
    type("mo", 100);
    vi.runAllTimers();
    expect(ontyped.mock.calls.flat().join("")).toBe("mo");
    type("na", 10);
    vi.runAllTimers();
    expect(ontyped.mock.calls.flat().join("")).toBe("mona");
  });
});
