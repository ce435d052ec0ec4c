import { cleanup, fireEvent, render, screen, within } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CallError } from "../../ipc/errors.js";
import type { Subscription, SubscriptionEvent } from "../../ipc/wire.js";
import { language } from "../../shared/language.svelte.js";
import { place } from "../../shared/place.svelte.js";
import { lastReceipt } from "../receipts/last.svelte.js";
import Subscriptions from "./Subscriptions.svelte";

const answers = new Map<string, (request: unknown) => unknown>();
vi.mock("../../ipc/client.js", () => ({
  call: async (command: string, request: unknown) => answers.get(command)?.(request),
}));

const egp = (minor: number) => ({ minor, currency: "EGP" });
const sold: SubscriptionEvent = {
  id: "e", kind: "sold", at: "2026-03-11T10:00:00Z", starts_on: "2026-03-11", ends_on: "2026-04-10", visits: null, days: null,
  successor_id: null, by: "Rami", reason: null, transaction_id: "sale", amount: egp(75_000), voided: false,
  voidable_until: "2026-03-11T10:10:00Z",
};
const one: Subscription = {
  id: "s", plan_id: "p", plan_name: "Monthly", kind: "gym", duration_unit: "months", duration_count: 1, status: "active",
  starts_on: "2026-03-11", ends_on: "2026-04-10", remaining_days: 30, visits_total: null, visits_left: null,
  freeze_days_remaining: 0, frozen_from: null, frozen_until: null, cancelled_on: null, auto_renew: false,
  predecessor_id: null, overdue_since: null, trainer: null, opens_door: true, owed: egp(0), events: [sold],
};

beforeEach(() => {
  language.current = "en";
  place.zone = "Africa/Cairo";
  place.currency = "EGP";
  lastReceipt.clear();
  vi.useFakeTimers({ now: new Date("2026-03-11T10:02:00Z"), toFake: ["Date"] });
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

async function voidIt() {
  const onchanged = vi.fn();
  render(Subscriptions, { rows: [one], may: () => true, onact: vi.fn(), onchanged });
  await fireEvent.click(screen.getByRole("button", { name: /Void/ }));
  const dialog = within(await screen.findByRole("dialog"));
  await fireEvent.input(dialog.getByLabelText(/Reason/), { target: { value: "wrong member" } });
  await fireEvent.click(dialog.getByRole("button", { name: "Void" }));
  return { dialog, onchanged };
}

test("the receipt of a voided sale is at hand like that of a sale", async () => {
  const payment = { method: "cash", amount: egp(75_000), tendered: null, reference: null };
  answers.set("sale_void", () => ({ transaction_id: "void", receipt_id: "r", receipt_number: 13, returned: [payment] }));
  lastReceipt.show({ receipt_id: "q", receipt_number: 12, change: egp(5_000) });
  const { onchanged } = await voidIt();
  await vi.waitFor(() => expect(onchanged).toHaveBeenCalledOnce());
  // The change of the sale is no longer what is to be handed back.
  expect(lastReceipt.given).toEqual({ receipt_id: "r", receipt_number: 13, change: null });
});

test("a sale that is not voided leaves the receipt of before in sight", async () => {
  answers.set("sale_void", () => {
    throw new CallError({ code: "void_too_late", message: "too late" });
  });
  lastReceipt.show({ receipt_id: "q", receipt_number: 12, change: egp(5_000) });
  const { dialog, onchanged } = await voidIt();
  expect(await dialog.findByRole("alert")).toBeTruthy();
  expect(onchanged).not.toHaveBeenCalled();
  expect(lastReceipt.given?.receipt_number).toBe(12);
});
