import { describe, expect, test } from "vitest";
import { measures, place, series, spoken, stored } from "./measures.js";

const weight = measures.find((measure) => measure.kind === "weight")!;
const row = (id: string, measured_on: string, value: number, kind = "weight") => ({ id, kind, value, measured_on });

describe("measurements", () => {
  test("are stored as whole grams, millimetres and hundredths of a percent", () => {
    expect(stored(weight, 72.4)).toBe(72400);
    expect(stored(measures.find((one) => one.kind === "height")!, 171.5)).toBe(1715);
    expect(stored(measures.find((one) => one.kind === "body_fat")!, 18.3)).toBe(1830);
    expect(spoken("en-GB", weight, 72400)).toBe("\u206672.4 kg\u2069");
  });

  test("of one day count once, the last one", () => {
    const rows = [row("3", "2026-03-02", 70000), row("2", "2026-03-01", 71000), row("1", "2026-03-01", 99000)];
    expect(series(rows, "weight").map((one) => one.value)).toEqual([71000, 70000]);
    expect(series(rows, "waist")).toEqual([]);
  });

  test("are drawn from the lowest at the bottom to the highest on top", () => {
    const points = place([{ at: 0, value: 10 }, { at: 5, value: 30 }, { at: 10, value: 20 }], 100, 40);
    expect(points).toEqual([{ x: 0, y: 40 }, { x: 50, y: 0 }, { x: 100, y: 20 }]);
    expect(place([{ at: 7, value: 10 }], 100, 40)).toEqual([{ x: 50, y: 20 }]);
    expect(place([], 100, 40)).toEqual([]);
  });
});
