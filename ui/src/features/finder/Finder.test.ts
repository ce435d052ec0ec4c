import { cleanup, fireEvent, render, screen } from "@testing-library/svelte";
import { createRawSnippet } from "svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { call } from "../../ipc/client.js";
import type { MemberHit } from "../../ipc/wire.js";
import { language } from "../../shared/language.svelte.js";
import Finder from "./Finder.svelte";
import { finder } from "./finder.svelte.js";

vi.mock("../../ipc/client.js", () => ({ call: vi.fn() }));

const asked = vi.mocked(call as (command: string, request?: unknown) => Promise<unknown>);
const hit = (id: string, full_name: string, fuzzy = false): MemberHit => ({
  id, number: `C-${id}`, full_name, native_name: null, phone_tail: null, photo_file_id: null, suspended: false,
  ends_on: null, fuzzy,
});
const ontake = vi.fn();

async function type(text: string) {
  await fireEvent.input(screen.getByRole("combobox"), { target: { value: text } });
}

beforeEach(() => {
  vi.useFakeTimers();
  asked.mockReset();
  ontake.mockReset();
  language.current = "en";
  Element.prototype.scrollIntoView = () => {};
  render(Finder, { ontake, photo: createRawSnippet(() => ({ render: () => "<i></i>" })) });
  finder.open();
});

afterEach(() => {
  cleanup();
  finder.clear();
  finder.commands = [];
  finder.verbs = [];
  vi.useRealTimers();
});

describe("the one box", () => {
  test("finds while typing, asks once per pause, and Enter takes the first", async () => {
    asked.mockResolvedValue({ rows: [hit("1", "Mona Adel"), hit("2", "Monir Aziz")] });
    await type("m");
    await type("mo");
    await type("mon");
    await vi.advanceTimersByTimeAsync(100);
    expect(asked).toHaveBeenCalledExactlyOnceWith("member_search", { query: "mon", limit: 8 });
    expect(screen.getAllByRole("option").map((option) => option.textContent)).toHaveLength(2);
    await fireEvent.keyDown(screen.getByRole("combobox"), { key: "Enter" });
    expect(ontake).toHaveBeenCalledExactlyOnceWith({ kind: "member", member: hit("1", "Mona Adel") }, false);
    expect(screen.getByRole("combobox")).toHaveValue("");
  });

  test("arrow keys choose another line", async () => {
    asked.mockResolvedValue({ rows: [hit("1", "Mona Adel"), hit("2", "Monir Aziz")] });
    await type("mon");
    await vi.advanceTimersByTimeAsync(100);
    const box = screen.getByRole("combobox");
    await fireEvent.keyDown(box, { key: "ArrowDown" });
    expect(screen.getAllByRole("option")[1]).toHaveAttribute("aria-selected", "true");
    await fireEvent.keyDown(box, { key: "Enter" });
    expect(ontake.mock.calls[0]?.[0]).toMatchObject({ member: { id: "2" } });
  });

  test("an early Enter waits for the answer to exactly what was typed", async () => {
    let answer = (_: unknown) => {};
    asked.mockImplementation(() => new Promise((done) => (answer = done)));
    await type("mona");
    await fireEvent.keyDown(screen.getByRole("combobox"), { key: "Enter" });
    expect(ontake).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(100);
    answer({ rows: [hit("1", "Mona Adel")] });
    await vi.advanceTimersByTimeAsync(0);
    expect(ontake).toHaveBeenCalledOnce();
  });

  test("an early Enter takes nobody when several have that name, the next one takes the first", async () => {
    asked.mockResolvedValue({ rows: [hit("1", "Mona Adel"), hit("2", "Mona Samir")] });
    await type("mona");
    const box = screen.getByRole("combobox");
    await fireEvent.keyDown(box, { key: "Enter" });
    await vi.advanceTimersByTimeAsync(100);
    expect(ontake).not.toHaveBeenCalled();
    expect(screen.getAllByRole("option")).toHaveLength(2);
    await fireEvent.keyDown(box, { key: "Enter" });
    expect(ontake.mock.calls[0]?.[0]).toMatchObject({ kind: "member", member: { id: "1" } });
  });

  test("an act before the name is done with whom the name finds", async () => {
    finder.verbs = [{ id: "sell", title: () => "Sell or renew", words: () => "renew, جدد", run: () => {} }];
    asked.mockResolvedValue({ rows: [hit("1", "Mona Adel")] });
    await type("renew mona");
    await vi.advanceTimersByTimeAsync(100);
    expect(asked).toHaveBeenCalledExactlyOnceWith("member_search", { query: "mona", limit: 8 });
    expect(screen.getByRole("option")).toHaveTextContent("Sell or renew: Mona Adel");
    await fireEvent.keyDown(screen.getByRole("combobox"), { key: "Enter" });
    expect(ontake.mock.calls[0]?.[0]).toMatchObject({ kind: "act", verb: { id: "sell" }, member: { id: "1" } });
  });

  test("a forgiven typo never comes before what was really typed", async () => {
    finder.commands = [{ id: "undo", title: () => "Take back", words: () => "undo", run: () => {} }];
    asked.mockResolvedValue({ rows: [hit("1", "Unda Smith", true)] });
    await type("undo");
    await vi.advanceTimersByTimeAsync(100);
    await fireEvent.keyDown(screen.getByRole("combobox"), { key: "Enter" });
    expect(ontake.mock.calls[0]?.[0]).toMatchObject({ kind: "command", command: { id: "undo" } });
  });

  test("a member number that no search finds can be checked in as typed", async () => {
    asked.mockResolvedValue({ rows: [] });
    await type("GYM-١٢٣");
    await vi.advanceTimersByTimeAsync(100);
    await fireEvent.keyDown(screen.getByRole("combobox"), { key: "Enter" });
    expect(ontake.mock.calls[0]?.[0]).toEqual({ kind: "code", code: "GYM-123" });
  });

  test("one letter asks nothing", async () => {
    await type("m");
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked).not.toHaveBeenCalled();
    expect(screen.queryByRole("listbox")).toBeNull();
  });
});
