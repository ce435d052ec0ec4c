// @vitest-environment node
import { describe, expect, test } from "vitest";
import { decimalText, formatMoney, parseMoney } from "./money.js";

describe("an amount in words", () => {
  test.each([
    [{ minor: 60000, currency: "EGP" }, false, "EGP 600"],
    [{ minor: 60050, currency: "EGP" }, false, "EGP 600.50"],
    [{ minor: 60000, currency: "EGP" }, true, "EGP 600.00"],
    [{ minor: 125_000_000, currency: "INR" }, true, "INR 1,250,000.00"],
    [{ minor: 5, currency: "KWD" }, true, "KWD 0.005"],
    [{ minor: 1200, currency: "JPY" }, true, "JPY 1,200"],
    [{ minor: -4200, currency: "EUR" }, true, "-EUR 42.00"],
  ])("%o is written %s", (amount, exact, text) => {
    expect(formatMoney("en-GB", amount, exact).replace(/\u00a0/g, " ")).toBe(text);
  });

  test("the largest exact amount keeps its last cent", () => {
    expect(decimalText({ minor: Number.MAX_SAFE_INTEGER, currency: "EGP" })).toBe("90071992547409.91");
  });
});

describe("an amount as it is typed", () => {
  test.each([
    ["600", "EGP", 60000],
    ["600.5", "EGP", 60050],
    ["600,50", "EGP", 60050],
    ["1,250", "EGP", 125000],
    ["1,250.75", "EGP", 125075],
    ["١٢٥٠٫٥", "EGP", 125050],
    ["0.005", "KWD", 5],
    ["1200", "JPY", 1200],
  ])("%s %s is %i", (text, currency, minor) => {
    expect(parseMoney(text, currency)).toBe(minor);
  });

  test.each([
    ["", "EGP"],
    ["-5", "EGP"],
    ["1.234", "EGP"],
    ["12.5", "JPY"],
    ["six", "EGP"],
    ["1e5", "EGP"],
    ["99999999999999999", "EGP"],
  ])("%s is no amount of %s", (text, currency) => {
    expect(parseMoney(text, currency)).toBeNull();
  });
});
