import { beforeEach, describe, expect, test, vi } from "vitest";
import { call } from "../../ipc/client.js";
import type { Expenses, ExpenseSum } from "../../ipc/wire.js";
import { ExpenseList } from "./list.svelte.js";
import { grid, monthBefore, monthEnd } from "./sums.js";

vi.mock("../../ipc/client.js", () => ({ call: vi.fn() }));
const asked = vi.mocked(call as (command: string, request: unknown) => Promise<Expenses>);

const answer = (total: number): Expenses => ({ rows: [], total, sums: [], categories: [] });
const sum = (month: string, category: string, minor: number): ExpenseSum => ({
  month, category, count: 1, amount: { minor, currency: "EGP" }, tax: { minor: 0, currency: "EGP" },
});

beforeEach(() => {
  asked.mockReset();
});

describe("months", () => {
  test.each([
    ["2026-11-22", 2, "2026-09-01"],
    ["2026-01-31", 1, "2025-12-01"],
    ["2026-03-31", 1, "2026-02-01"],
    ["2026-03-31", 14, "2025-01-01"],
  ])("%s, %i months back, begins %s", (day, months, first) => expect(monthBefore(day, months)).toBe(first));

  test.each([
    ["2028-02-01", "2028-02-29"],
    ["2026-02-01", "2026-02-28"],
    ["2026-12-01", "2026-12-31"],
  ])("%s ends %s", (first, last) => expect(monthEnd(first)).toBe(last));
});

describe("the totals", () => {
  test("add up by category and month, the dearest first, and leave a gap where nothing was spent", () => {
    const table = grid([
      sum("2026-02-01", "Rent", 100),
      sum("2026-03-01", "Repairs", 7),
      sum("2026-03-01", "Rent", 110),
    ]);
    expect(table.months).toEqual(["2026-03-01", "2026-02-01"]);
    expect(table.rows).toEqual([
      { category: "Rent", all: 210, by_month: [110, 100] },
      { category: "Repairs", all: 7, by_month: [7, null] },
    ]);
    expect([table.by_month, table.all]).toEqual([[117, 100], 217]);
  });
});

describe("the list of bills", () => {
  test("opens a total within the days that it was made of", () => {
    const list = new ExpenseList("2026-11-22");
    list.ask({ from: "2026-09-10", state: "paid" });
    list.offset = 50;
    list.open("2026-09-01", "Rent");
    expect(list.request).toEqual({
      from: "2026-09-10", until: "2026-09-30", category: "Rent", state: "paid", query: null, offset: 0,
    });
    list.showAll();
    list.open("2026-11-01", null);
    expect(list.request).toMatchObject({ from: "2026-11-01", until: "2026-11-22", category: null, state: null });
    expect(list.narrowed).toBe(true);
    list.showAll();
    expect(list.narrowed).toBe(false);
  });

  test("asks nothing while a date is half typed", async () => {
    const list = new ExpenseList("2026-11-22");
    list.ask({ from: "" });
    await list.load();
    expect(asked).not.toHaveBeenCalled();
  });

  test("shows the answer to the last question, however late another one comes", async () => {
    const list = new ExpenseList("2026-11-22");
    let slow: (page: Expenses) => void = () => {};
    asked.mockReturnValueOnce(new Promise((done) => (slow = done))).mockResolvedValueOnce(answer(2));
    const first = list.load();
    list.ask({ query: "rent" });
    await list.load();
    slow(answer(1));
    await first;
    expect(list.page?.total).toBe(2);
  });
});
