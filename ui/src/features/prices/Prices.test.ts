import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CallError } from "../../ipc/errors.js";
import type { PlanPrice } from "../../ipc/wire.js";
import { language } from "../../shared/language.svelte.js";
import { place } from "../../shared/place.svelte.js";
import { toasts } from "../../shared/toasts.svelte.js";
import Prices from "./Prices.svelte";

const price = (id: string, from: string, until: string | null, minor: number): PlanPrice => ({
  id, branch_id: null, from, until, price: { minor, currency: "EGP" },
});
const prices = [
  price("old", "2026-01-01", "2026-03-01", 70_000),
  price("now", "2026-03-01", "2026-04-01", 75_000),
  price("planned", "2026-04-01", null, 80_000),
];

beforeEach(() => {
  language.current = "en";
  place.zone = "Africa/Cairo";
  vi.useFakeTimers({ now: new Date("2026-03-11T10:00:00Z"), toFake: ["Date"] });
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("only a price that has not begun can be withdrawn", async () => {
  const withdraw = vi.fn(async () => {});
  render(Prices, { prices, withdraw });
  const planned = screen.getAllByRole("listitem")[0]!;
  await fireEvent.click(within(planned).getByRole("button", { name: /Withdraw the price from Wed 1 April/ }));
  expect(withdraw).toHaveBeenCalledExactlyOnceWith("planned");
  expect(screen.getAllByRole("button", { name: /Withdraw/ })).toHaveLength(1);
});

test("a price that begins meanwhile says why it stays, and whoever may only look has no button", async () => {
  const problem = vi.spyOn(toasts, "problem");
  const withdraw = vi.fn(async () => {
    throw new CallError({ code: "price_begun", message: "it has begun" });
  });
  render(Prices, { prices, withdraw });
  await fireEvent.click(screen.getByRole("button", { name: /Withdraw/ }));
  await waitFor(() =>
    expect(problem).toHaveBeenCalledWith("This price holds already. Set another one from today on."),
  );
  cleanup();
  render(Prices, { prices });
  expect(screen.queryByRole("button", { name: /Withdraw/ })).toBeNull();
});
