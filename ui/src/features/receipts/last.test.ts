// @vitest-environment node
import { expect, test } from "vitest";
import { lastReceipt } from "./last.svelte.js";

const egp = (minor: number) => ({ minor, currency: "EGP" });

test("keeps the change of the last receipt until the next one, and an act without money leaves it", () => {
  lastReceipt.show({ receipt_id: "a", receipt_number: 7, change: egp(4000) });
  lastReceipt.show({ receipt_id: null, receipt_number: null, change: egp(0) });
  expect(lastReceipt.given).toEqual({ receipt_id: "a", receipt_number: 7, change: egp(4000) });
  lastReceipt.show({ receipt_id: "b", receipt_number: 8, change: egp(0) });
  expect(lastReceipt.given).toEqual({ receipt_id: "b", receipt_number: 8, change: null });
  lastReceipt.clear();
  expect(lastReceipt.given).toBeNull();
});
