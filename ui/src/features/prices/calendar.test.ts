// @vitest-environment node
import { describe, expect, test } from "vitest";
import type { PlanPrice } from "../../ipc/wire.js";
import { monthAway, nextChange, priceOn, stretches } from "./calendar.js";

const here = { branch_id: "zamalek", currency: "EGP" };
const price = (from: string, until: string | null, minor: number, branch_id: string | null = null): PlanPrice => ({
  id: `${from}${branch_id}`, branch_id, from, until, price: { minor, currency: "EGP" },
});
const raised = [price("2026-01-01", "2026-07-01", 600), price("2026-07-01", null, 700)];

describe("what something costs from day to day", () => {
  test("the last day of a price is the day before the next one", () => {
    expect(priceOn(raised, here, "2025-12-31")).toBeNull();
    expect(priceOn(raised, here, "2026-06-30")?.price.minor).toBe(600);
    expect(priceOn(raised, here, "2026-07-01")?.price.minor).toBe(700);
  });

  test("the branch's own price counts before the one for all; another branch's and another currency's never", () => {
    const own = [...raised, price("2026-06-01", "2026-06-08", 500, "zamalek"), price("2026-06-01", null, 1, "maadi")];
    expect(priceOn(own, here, "2026-06-07")?.price.minor).toBe(500);
    expect(priceOn(own, here, "2026-06-08")?.price.minor).toBe(600);
    expect(priceOn(own, { ...here, currency: "KWD" }, "2026-06-07")).toBeNull();
  });

  test("stretches cover the window without a gap, and one price is one stretch", () => {
    const own = [...raised, price("2026-03-01", "2026-04-01", 600, "zamalek"), price("2026-06-01", "2026-06-08", 500, "zamalek")];
    expect(stretches(own, here, "2025-12-01", "2026-08-01").map(({ from, until, price }) => [from, until, price?.minor])).toEqual([
      ["2025-12-01", "2026-01-01", undefined],
      ["2026-01-01", "2026-06-01", 600],
      ["2026-06-01", "2026-06-08", 500],
      ["2026-06-08", "2026-07-01", 600],
      ["2026-07-01", "2026-08-01", 700],
    ]);
    expect(stretches([], here, "2026-01-01", "2026-02-01")).toEqual([{ from: "2026-01-01", until: "2026-02-01", price: null }]);
  });

  test("a change is the next day with another price, not a row that says the same", () => {
    expect(nextChange(raised, here, "2026-05-05")).toMatchObject({ from: "2026-07-01", price: { minor: 700 } });
    expect(nextChange(raised, here, "2026-07-01")).toBeNull();
    expect(nextChange([price("2026-01-01", "2026-07-01", 600), price("2026-07-01", null, 600)], here, "2026-05-05")).toBeNull();
    expect(nextChange([price("2026-01-01", "2026-07-01", 600)], here, "2026-05-05")).toEqual({ from: "2026-07-01", price: null });
  });

  test("months run over the year", () => {
    expect(monthAway("2026-01-31", -1)).toBe("2025-12-01");
    expect(monthAway("2026-11-21", 2)).toBe("2027-01-01");
  });
});
