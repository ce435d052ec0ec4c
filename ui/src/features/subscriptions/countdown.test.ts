import { expect, test } from "vitest";
import { countdown } from "./countdown.js";

test("a sale counts down to the moment when it can no longer be voided", () => {
  const now = new Date("2026-03-01T10:00:00Z");
  expect(countdown("2026-03-01T10:15:00Z", now)).toBe("15:00");
  expect(countdown("2026-03-01T10:00:09.2Z", now)).toBe("0:10");
  expect(countdown("2026-03-01T10:00:00Z", now)).toBeNull();
  expect(countdown(null, now)).toBeNull();
});
