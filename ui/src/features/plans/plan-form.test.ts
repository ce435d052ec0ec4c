import { expect, test } from "vitest";
import type { Plan } from "../../ipc/wire.js";
import { emptyPlan, fieldsOf, formOf, inOrder } from "./plan-form.js";

test("a plan comes back from its form as it went in", () => {
  const plan = {
    ...emptyPlan(),
    name: "Off-peak",
    tier: "gold",
    visits: 10,
    access_windows: [{ days: [1, 2], from: "06:00", to: "16:00" }],
  };
  expect(formOf(fieldsOf(plan))).toEqual(plan);
});

test("editing the fields leaves the stored plan alone", () => {
  const plan = { ...emptyPlan(), access_windows: [{ days: [1], from: "06:00", to: "16:00" }] };
  fieldsOf(plan).access_windows[0]?.days.push(2);
  expect(plan.access_windows[0]?.days).toEqual([1]);
});

test("archived plans come last", () => {
  const plan = (name: string, archived_at: string | null) => ({ ...emptyPlan(), name, archived_at }) as Plan;
  const sorted = inOrder([plan("A", "2026-01-01T00:00:00Z"), plan("Plan 10", null), plan("Plan 9", null)], "en");
  expect(sorted.map((one) => one.name)).toEqual(["Plan 9", "Plan 10", "A"]);
});
