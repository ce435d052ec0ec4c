import { describe, expect, test } from "vitest";
import { rowsInView, scrollTo } from "./rows-in-view.js";

describe("a long list", () => {
  test("draws only what is visible and a few rows around it", () => {
    expect(rowsInView(0, 560, 56, 100_000)).toEqual({ first: 0, end: 18 });
    expect(rowsInView(56_000, 560, 56, 100_000)).toEqual({ first: 992, end: 1018 });
    expect(rowsInView(56_000, 560, 56, 5)).toEqual({ first: 5, end: 5 });
    expect(rowsInView(0, 560, 56, 0)).toEqual({ first: 0, end: 0 });
  });

  test("scrolls no further than the marked row needs", () => {
    expect(scrollTo(0, 300, 560, 56)).toBe(0);
    expect(scrollTo(7, 300, 560, 56)).toBe(300);
    expect(scrollTo(20, 300, 560, 56)).toBe(616);
  });
});
