// @vitest-environment node
import { describe, expect, test } from "vitest";
import { addDays, dayIn, daysBetween, formatClock, formatDay, formatDuration } from "./time.js";

const plain = (text: string) => text.replace(/[,،\u200f]/g, "").replace(/\u202f|\u00a0/g, " ");

describe("days and hours of the branch", () => {
  test("a day says its weekday", () => {
    expect(plain(formatDay("en-GB", "2026-03-03", 2026))).toBe("Tue 3 March");
  });

  test("a day of another year says the year", () => {
    expect(plain(formatDay("en-GB", "2027-01-31", 2026))).toBe("Sun 31 January 2027");
  });

  test("an Arabic day keeps the figures of the receipts", () => {
    expect(plain(formatDay("ar-EG-u-nu-latn", "2026-03-03", 2026))).toBe("الثلاثاء 3 مارس");
  });

  test("one instant is another day in another zone", () => {
    const instant = new Date("2026-02-28T22:30:00Z");
    expect(dayIn("Africa/Cairo", instant)).toBe("2026-03-01");
    expect(dayIn("America/New_York", instant)).toBe("2026-02-28");
    expect(formatClock("en-GB", instant, "Africa/Cairo")).toBe("00:30");
  });

  test("days are counted across a leap day and a clock change", () => {
    expect(daysBetween("2028-02-28", "2028-03-01")).toBe(2);
    expect(daysBetween("2026-04-23", "2026-04-25")).toBe(2);
  });

  test("days are added over the end of a month and a leap day", () => {
    expect(addDays("2028-02-27", 3)).toBe("2028-03-01");
    expect(addDays("2026-01-01", -1)).toBe("2025-12-31");
  });

  test.each([
    [0, "0 min"],
    [59, "59 min"],
    [60, "1 hr"],
    [80, "1 hr 20 min"],
  ])("%i minutes are %s", (minutes, text) => {
    expect(plain(formatDuration("en-GB", minutes)).replace(/mins/, "min")).toBe(text);
  });
});
