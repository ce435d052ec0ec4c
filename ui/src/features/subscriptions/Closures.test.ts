import { cleanup, fireEvent, render, screen, within } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ClosurePreview, ExtendedRow } from "../../ipc/wire.js";
import { language } from "../../shared/language.svelte.js";
import { place } from "../../shared/place.svelte.js";
import Closures from "./Closures.svelte";

const answers = new Map<string, (request: unknown) => unknown>();
vi.mock("../../ipc/client.js", () => ({
  call: async (command: string, request: unknown) => answers.get(command)?.(request),
}));

const row = (number: number, some: Partial<ExtendedRow> = {}): ExtendedRow => ({
  subscription_id: `s${number}`, member_id: `m${number}`, member_name: `Member ${number}`, member_number: `1-${number}`,
  plan_name: "Monthly", days: 3, ends_on: "2026-04-10", new_ends_on: "2026-04-13", ...some,
});
const preview = (rows: ExtendedRow[]): ClosurePreview => ({
  subscriptions: rows.length, days: rows.reduce((sum, { days }) => sum + days, 0), rows,
});

beforeEach(() => {
  language.current = "en";
  place.zone = "Africa/Cairo";
  vi.useFakeTimers({ now: new Date("2026-03-11T10:00:00Z"), toFake: ["Date"] });
  answers.set("closure_list", () => ({ rows: [] }));
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

async function ask() {
  render(Closures);
  await fireEvent.input(screen.getByLabelText(/First day closed/), { target: { value: "2026-03-20" } });
  await fireEvent.input(screen.getByLabelText(/Last day closed/), { target: { value: "2026-03-22" } });
  return within(await screen.findByRole("table", { name: "Subscriptions extended" }));
}

test("each subscription is shown with the end it has and the end it gets", async () => {
  answers.set("closure_preview", () => preview([row(1), row(2, { days: 1, new_ends_on: "2026-04-10" })]));
  const table = await ask();
  const [, first, second] = table.getAllByRole("row");
  const cells = within(first as HTMLElement).getAllByRole("cell").map((cell) => cell.textContent.trim());
  expect(cells).toEqual(["Monthly", "3", "Fri 10 April", "Mon 13 April"]);
  expect(within(first as HTMLElement).getByRole("rowheader").textContent).toBe("Member 1 1-1");
  expect(second?.textContent).toContain("as before: cancelled for that day");
});

test("a long list begins short and is shown whole on demand", async () => {
  answers.set("closure_preview", () => preview(Array.from({ length: 40 }, (_, number) => row(number))));
  const table = await ask();
  expect(table.getAllByRole("row")).toHaveLength(13);
  await fireEvent.click(screen.getByRole("button", { name: "Show all 40" }));
  expect(table.getAllByRole("row")).toHaveLength(41);
});
