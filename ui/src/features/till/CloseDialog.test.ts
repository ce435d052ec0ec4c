import { cleanup, fireEvent, render, screen, within } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CallError, Unreachable } from "../../ipc/errors.js";
import type { CloseTill, CountTill, OpenShift, ShiftReport, Till, TillCount } from "../../ipc/wire.js";
import { language } from "../../shared/language.svelte.js";
import CloseDialog from "./CloseDialog.svelte";

const answers = new Map<string, (request: unknown) => unknown>();
vi.mock("../../ipc/client.js", () => ({
  call: async (command: string, request: unknown) => answers.get(command)?.(request),
}));

const egp = (minor: number) => ({ minor, currency: "EGP" });
const shift = { id: "s", number: 7, float: egp(20_000), opened_at: "2026-03-04T08:00:00Z" } as OpenShift;
const till: Till = {
  id: "t", number: 1, name: "1", currency: "EGP", denominations: [20_000, 10_000], left_in_drawer: egp(0), shift,
};
const none = { count: 0, amount: egp(0) };
const report: ShiftReport = {
  shift_id: "s", till_id: "t", till_name: "1", number: 7, business_day: "2026-03-04", opened_at: "2026-03-04T08:00:00Z",
  opened_by: "Rami", float: egp(20_000), float_counted: true, sales: none, credits: none, payments: [], refunds: [],
  cash_in: none, cash_out: none, expenses: none, taxes: [], receipts: null, expected: egp(50_000),
  closing: {
    closed_at: "2026-03-04T18:00:00Z", closed_by: "Rami", counted: { lines: [{ minor: 10_000, count: 5 }] },
    counted_amount: egp(50_000), variance: egp(0), variance_reason: null, left_in_drawer: egp(20_000), to_safe: egp(30_000),
  },
};
const counts: CountTill[] = [];
const closes: CloseTill[] = [];
let found: TillCount;

beforeEach(() => {
  language.current = "en";
  counts.length = closes.length = 0;
  found = { counted: egp(50_000), expected: egp(50_000), variance: egp(0), causes: [] };
  answers.set("till_count", (request) => {
    counts.push(request as CountTill);
    return found;
  });
  answers.set("till_close", (request) => {
    closes.push(request as CloseTill);
    return report;
  });
});
afterEach(() => {
  vi.useRealTimers();
  cleanup();
});

async function open() {
  render(CloseDialog, { till, shift, issuer: "Nile", onreceipt: vi.fn(), onclose: vi.fn() });
  await vi.waitFor(() => expect(screen.getByLabelText(/EGP.200/)).toHaveFocus());
  return screen.getByRole("dialog");
}

const text = () => document.body.textContent?.replace(/\u00a0/g, " ").replace(/\s+/g, " ") ?? "";
const submit = (dialog: HTMLElement) => fireEvent.submit(dialog.querySelector("form")!);

async function count(dialog: HTMLElement, hundreds: string) {
  await fireEvent.input(within(dialog).getByLabelText(/EGP.100/), { target: { value: hundreds } });
  await submit(dialog);
}

describe("closing a till", () => {
  test("Enter walks from note to note, and nothing typed is no empty drawer", async () => {
    const dialog = await open();
    await fireEvent.keyDown(document.activeElement!, { key: "Enter" });
    expect(screen.getByLabelText(/EGP.100/)).toHaveFocus();
    await submit(dialog);
    expect(text()).toContain("0 if the drawer is empty");
    expect(counts).toEqual([]);
    await count(dialog, "0");
    await vi.waitFor(() => expect(counts).toEqual([{ shift_id: "s", counted: { lines: [] } }]));
  });

  test("an exact drawer is closed with what was the float left in it", async () => {
    const dialog = await open();
    await count(dialog, "5");
    await vi.waitFor(() => expect(text()).toContain("The drawer is exact."));
    await submit(dialog);
    await vi.waitFor(() => expect(text()).toContain("Z report 7"));
    expect(closes).toMatchObject([{ variance_minor: 0, left_in_drawer_minor: 20_000, reason: null }]);
    await vi.waitFor(() => expect(screen.getByRole("button", { name: /Done/ })).toHaveFocus());
  });

  test("a difference is not closed without its reason, nor with more left than there is", async () => {
    found = { counted: egp(40_000), expected: egp(50_000), variance: egp(-10_000), causes: [] };
    const dialog = await open();
    await count(dialog, "4");
    await vi.waitFor(() => expect(text()).toContain("EGP 100 less than it should be"));
    await submit(dialog);
    await vi.waitFor(() => expect(screen.getByLabelText(/Why it differs/)).toHaveFocus());
    await fireEvent.input(screen.getByLabelText(/Why it differs/), { target: { value: " lost " } });
    await fireEvent.input(screen.getByLabelText(/Stays in the drawer/), { target: { value: "400.01" } });
    await submit(dialog);
    expect(closes).toEqual([]);
    await fireEvent.input(screen.getByLabelText(/Stays in the drawer/), { target: { value: "0" } });
    await submit(dialog);
    await vi.waitFor(() => expect(closes).toMatchObject([{ variance_minor: -10_000, left_in_drawer_minor: 0, reason: "lost" }]));
  });

  test("money that moved meanwhile asks for another count and keeps what was typed", async () => {
    const dialog = await open();
    await count(dialog, "5");
    await vi.waitFor(() => expect(text()).toContain("exact"));
    answers.set("till_close", () => {
      throw new CallError({ code: "till_moved", message: "moved" });
    });
    await submit(dialog);
    await vi.waitFor(() => expect(text()).toContain("Money moved since you counted. Count again."));
    expect(screen.getByLabelText(/EGP.100/)).toHaveValue("5");
  });

  test("a lost answer is asked for again with the very same request", async () => {
    const dialog = await open();
    await count(dialog, "5");
    await vi.waitFor(() => expect(text()).toContain("exact"));
    vi.useFakeTimers({ shouldAdvanceTime: true, advanceTimeDelta: 500 });
    answers.set("till_close", (request) => {
      closes.push(request as CloseTill);
      if (closes.length < 3) throw new Unreachable(null);
      return report;
    });
    await submit(dialog);
    await vi.waitFor(() => expect(text()).toContain("Z report 7"), { timeout: 10_000 });
    expect(closes).toHaveLength(3);
    expect(new Set(closes.map((close) => JSON.stringify(close))).size).toBe(1);
  });
});
