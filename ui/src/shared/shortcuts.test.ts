import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { shortcuts } from "./shortcuts.svelte.js";

const members = vi.fn();
let stop = () => {};

const press = () => shortcuts.press(new KeyboardEvent("keydown", { key: "2", code: "Digit2", ctrlKey: true }));
const show = (busy: boolean) =>
  (document.body.innerHTML = `<div role="dialog" data-state="open"><form aria-busy="${busy}"></form></div>`);

beforeEach(() => {
  vi.useFakeTimers();
  members.mockReset();
  stop = shortcuts.add(() => "Screens", [{ keys: "Ctrl+2", text: () => "Members", run: members }]);
});

afterEach(() => {
  stop();
  document.body.innerHTML = "";
  vi.useRealTimers();
});

test("a key works at once where no dialog is open, and not behind one", () => {
  expect(press()).toBe(true);
  expect(members).toHaveBeenCalledOnce();
  show(false);
  expect(press()).toBe(false);
  vi.runAllTimers();
  expect(members).toHaveBeenCalledOnce();
});

test("a key pressed while a dialog saves works as soon as it has closed", () => {
  show(true);
  expect(press()).toBe(true);
  vi.advanceTimersByTime(500);
  expect(members).not.toHaveBeenCalled();
  document.body.innerHTML = "";
  vi.advanceTimersByTime(100);
  expect(members).toHaveBeenCalledOnce();
});

test("a key pressed while a dialog saves is forgotten when the dialog has more to say", () => {
  show(true);
  press();
  show(false);
  vi.advanceTimersByTime(100);
  document.body.innerHTML = "";
  vi.runAllTimers();
  expect(members).not.toHaveBeenCalled();
});
