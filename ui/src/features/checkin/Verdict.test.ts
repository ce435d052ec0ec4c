import { cleanup, fireEvent, render, screen } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { call } from "../../ipc/client.js";
import type { Verdict as VerdictData } from "../../ipc/wire.js";
import { language } from "../../shared/language.svelte.js";
import { place } from "../../shared/place.svelte.js";
import Verdict from "./Verdict.svelte";

vi.mock("../../ipc/client.js", () => ({ call: vi.fn() }));
const asked = vi.mocked(call as (command: string, request: { member_id?: string }) => Promise<unknown>);

const refused: VerdictData = {
  scan_id: "a", at: "2026-03-05T16:04:00Z", source: "webcam", outcome: "refused",
  reasons: [{ kind: "expired", ended_on: "2026-03-03" }],
  member: { id: "m", number: "C-42", full_name: "Mona Adel", native_name: "منى عادل", photo_file_id: null, language: "ar" },
  subscription: { id: "s", plan_name: "Monthly", ends_on: "2026-03-03", days_left: -2, visits_left: null },
  notes: ["Locker key 14 is out"],
  next_action: { kind: "renew", subscription_id: "s", plan_name: "Monthly", price: { minor: 60000, currency: "EGP" } },
  can_let_in: true, entry_id: null, repeated: false,
};

beforeEach(() => {
  vi.useFakeTimers({ now: new Date("2026-03-05T16:04:00Z") });
  language.current = "en";
  place.zone = "Africa/Cairo";
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

const text = () => document.body.textContent?.replace(/\u00a0/g, " ").replace(/\s+/g, " ") ?? "";

describe("a verdict on the stage", () => {
  test("says the word, the name, why in words, and what to do with its price", () => {
    render(Verdict, { verdict: refused, onact: () => {}, onletin: () => {} });
    expect(screen.getByText("Stop")).toBeInTheDocument();
    expect(screen.getByRole("heading", { name: "Mona Adel" })).toBeInTheDocument();
    expect(text()).toMatch(/Subscription ended on Tue,? 3 March\./);
    expect(text()).toContain("Renew Monthly: EGP 600");
    expect(text()).toContain("18:04");
    expect(text()).toContain("Locker key 14 is out");
    expect(text()).not.toContain("days left");
  });

  test("greets the member in their own language beside the staff's", () => {
    render(Verdict, { verdict: { ...refused, outcome: "admitted", reasons: [] }, onact: null, onletin: null });
    expect(screen.getByText("Welcome")).toBeInTheDocument();
    expect(screen.getByText("أهلًا")).toHaveAttribute("lang", "ar");
  });

  test("asks for a debt and ends a freeze with the same key as a sale", () => {
    const owing: VerdictData["next_action"] = { kind: "pay", member_id: "m", owed: { minor: 45050, currency: "EGP" } };
    render(Verdict, { verdict: { ...refused, next_action: owing }, onact: () => {}, onletin: null });
    expect(text()).toContain("Pay what is owed: EGP 450.50 F4");
    cleanup();
    const frozen: VerdictData["next_action"] = { kind: "thaw", subscription_id: "s" };
    render(Verdict, { verdict: { ...refused, next_action: frozen }, onact: () => {}, onletin: null });
    expect(text()).toContain("End the freeze F4");
  });

  test("offers no button that leads nowhere or is not permitted", () => {
    render(Verdict, { verdict: refused, onact: null, onletin: null });
    expect(screen.queryAllByRole("button")).toEqual([]);
  });

  test.each([
    [0, "Last day"],
    [1, "1 day left"],
    [12, "12 days left"],
  ])("with %i days left it says %s", (days_left, words) => {
    const subscription = { id: "s", plan_name: "Monthly", ends_on: "2026-03-17", days_left, visits_left: null };
    render(Verdict, { verdict: { ...refused, outcome: "admitted", reasons: [], subscription }, onact: null, onletin: null });
    expect(screen.getByText(words)).toBeInTheDocument();
  });

  test("counts visits by the rules of Arabic", () => {
    language.current = "ar";
    const subscription = { id: "s", plan_name: "باقة", ends_on: "2026-03-17", days_left: 2, visits_left: 3 };
    render(Verdict, { verdict: { ...refused, outcome: "admitted", reasons: [], subscription }, onact: null, onletin: null });
    expect(screen.getByText("متبقٍ 3 زيارات")).toBeInTheDocument();
    expect(screen.getByText("متبقٍ يومان")).toBeInTheDocument();
  });

  test("lets the receptionist pick whom a shared number means", async () => {
    const people: Record<string, string> = { a: "Mona Adel", b: "Karim Hosny" };
    asked.mockImplementation(async (command, request) =>
      command === "member_get"
        ? { id: request.member_id, full_name: people[request.member_id ?? ""], native_name: null, phone: "+201012345678", photo_file_id: null }
        : { ...refused, member: null, rows: [], inside: 0, capacity: null },
    );
    const reasons: VerdictData["reasons"] = [{ kind: "ambiguous_number", member_ids: ["a", "b"] }];
    const shared: VerdictData = { ...refused, member: null, subscription: null, next_action: null, can_let_in: false, reasons };
    render(Verdict, { verdict: shared, onact: null, onletin: null });
    await vi.advanceTimersByTimeAsync(0);
    expect(screen.getByRole("button", { name: /Mona Adel/ })).toHaveFocus();
    await fireEvent.keyDown(document.activeElement!, { key: "ArrowDown" });
    expect(screen.getByRole("button", { name: /Karim Hosny/ })).toHaveFocus();
    await fireEvent.click(document.activeElement!);
    expect(asked).toHaveBeenCalledWith("check_in", expect.objectContaining({ member: "b", source: "search" }));
  });
});
