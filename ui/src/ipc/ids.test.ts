// @vitest-environment node
import { expect, test } from "vitest";
import { newId } from "./ids.js";

test("an id is a UUID of version 7 that sorts by time", () => {
  const before = Date.now();
  const id = newId();
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(parseInt(id.replace(/-/g, "").slice(0, 12), 16)).toBeGreaterThanOrEqual(before);
  expect(newId()).not.toBe(id);
});
