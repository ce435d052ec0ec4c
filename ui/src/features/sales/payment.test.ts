import { describe, expect, test } from "vitest";
import { decimalPlaces, parseMoney } from "../../shared/text/money.js";
import { likelyNotes, pay, type Paying } from "./payment.js";

const egp = (minor: number) => ({ minor, currency: "EGP" });
const paying = (some: Partial<Paying>): Paying => ({ how: "cash", tendered: null, cash: null, reference: "", ...some });

describe("paying for a sale", () => {
  test("in cash, exactly, when nothing is typed", () => {
    expect(pay(egp(60000), paying({}))).toEqual({
      payments: [{ method: "cash", amount: egp(60000), tendered: egp(60000), reference: null }],
      change: 0,
      problem: null,
    });
  });

  test("in cash with change", () => {
    const paid = pay(egp(60000), paying({ tendered: 100000 }));
    expect(paid.change).toBe(40000);
    expect(paid.payments[0]?.tendered).toEqual(egp(100000));
  });

  test("is not possible with less cash than is due", () => {
    expect(pay(egp(60000), paying({ tendered: 59999 }))).toMatchObject({ payments: [], problem: "tendered_too_small" });
  });

  test("at the terminal, with the number of the slip", () => {
    expect(pay(egp(60000), paying({ how: "card_terminal", reference: " 0042 " })).payments).toEqual([
      { method: "card_terminal", amount: egp(60000), tendered: null, reference: "0042" },
    ]);
  });

  test("split: cash first, the rest at the terminal, to the piastre", () => {
    const paid = pay(egp(60001), paying({ how: "split", cash: 20000, tendered: 20500 }));
    expect(paid.payments.map(({ method, amount }) => [method, amount.minor])).toEqual([
      ["cash", 20000],
      ["card_terminal", 40001],
    ]);
    expect(paid.change).toBe(500);
  });

  test.each([null, 0, 60000, 70000])("a cash part of %s splits nothing", (cash) => {
    expect(pay(egp(60000), paying({ how: "split", cash }))).toMatchObject({ payments: [], problem: "cash_not_a_part" });
  });

  test("what costs nothing is not paid at all", () => {
    expect(pay(egp(0), paying({ tendered: 5 }))).toEqual({ payments: [], change: 0, problem: null });
  });

  test("keeps every currency's own decimals", () => {
    expect(parseMoney("12.345", "KWD")).toBe(12345);
    expect(parseMoney("12.345", "EGP")).toBeNull();
    expect(parseMoney("1200", "JPY")).toBe(1200);
    expect(parseMoney("1200.5", "JPY")).toBeNull();
    expect(pay({ minor: 12345, currency: "KWD" }, paying({ tendered: 20000 })).change).toBe(7655);
  });
});

test("likely notes are the next round sums", () => {
  expect(likelyNotes(57500, decimalPlaces("EGP"))).toEqual([58000, 60000, 100000]);
  expect(likelyNotes(60000, decimalPlaces("EGP"))).toEqual([100000]);
  expect(likelyNotes(1200, decimalPlaces("JPY"))).toEqual([1500, 2000]);
});
