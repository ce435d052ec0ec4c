import { describe, expect, test } from "vitest";
import { decimalPlaces, parseMoney } from "../../shared/text/money.js";
import { likelyNotes, methodsFor, pay, type Bill, type Part, type Paying } from "./paying.js";

const money = (minor: number, currency = "EGP") => ({ minor, currency });
const bill = (minor: number, currency = "EGP"): Bill => ({ total: money(minor, currency), inCash: (exact) => exact });
/** Where a quarter of a pound is the smallest coin. */
const rounding = (minor: number): Bill => ({ total: money(minor), inCash: (exact) => Math.round(exact / 25) * 25 });
const part = (some: Partial<Part> = {}): Part => ({
  id: 0, method: "cash", amount: null, tendered: null, reference: "", ...some,
});
const paying = (parts: Part[], some: Partial<Paying> = {}): Paying => ({ parts, credit: 0, owe_until: null, ...some });

describe("paying a bill", () => {
  test("in cash, exactly, when nothing is typed", () => {
    expect(pay(bill(60000), paying([part()]))).toMatchObject({
      payments: [{ method: "cash", amount: money(60000), tendered: money(60000), reference: null }],
      change: 0, owed: 0, ready: true,
    });
  });

  test("in cash with change", () => {
    const paid = pay(bill(60000), paying([part({ tendered: 100000 })]));
    expect(paid.change).toBe(40000);
    expect(paid.payments[0]?.tendered).toEqual(money(100000));
  });

  test("is not possible with less cash than is due", () => {
    const paid = pay(bill(60000), paying([part({ tendered: 59999 })]));
    expect(paid).toMatchObject({ ready: false, part_problems: ["tendered_too_small"] });
  });

  test("at the terminal needs the number of the slip", () => {
    const slip = (reference: string) => pay(bill(60000), paying([part({ method: "card_terminal", reference })]));
    expect(slip(" ")).toMatchObject({ ready: false, part_problems: ["reference_missing"] });
    expect(slip(" 0042 ")).toMatchObject({
      ready: true,
      payments: [{ method: "card_terminal", amount: money(60000), tendered: null, reference: "0042" }],
    });
  });

  test.each(["42", "12345678901", "1234567890123", "12345678901x"])("UPI with the number %s is not proved", (reference) => {
    const paid = pay(bill(60000, "INR"), paying([part({ method: "upi", reference })]));
    expect(paid.part_problems).toEqual(["utr_wrong"]);
  });

  test("UPI with its twelve digits is", () => {
    expect(pay(bill(60000, "INR"), paying([part({ method: "upi", reference: "123456789012" })])).ready).toBe(true);
    expect(methodsFor("INR")).toContain("upi");
    expect(methodsFor("EGP")).not.toContain("upi");
  });

  test("UPI without a UTR is asked for where that can be done; with one it is paid", () => {
    const by = (reference: string, askable: "upi"[] = ["upi"]) =>
      pay(bill(60000, "INR"), paying([part({ method: "upi", reference })], { askable }));
    expect(by(" ")).toMatchObject({ ready: true, payments: [], ask: { method: "upi", amount: money(60000, "INR") } });
    expect(by("123456789012")).toMatchObject({ ready: true, payments: [{ method: "upi" }], ask: null });
    expect(by("", [])).toMatchObject({ ready: false, ask: null });
  });

  test("what credit leaves is asked for, and one of several ways never is", () => {
    const gateway = part({ method: "paymob" });
    expect(pay(bill(60000), paying([gateway], { credit: 10000, askable: ["paymob"] }))).toMatchObject({
      ready: true, credit: 10000, ask: { method: "paymob", amount: money(50000) },
    });
    expect(pay(bill(60000), paying([gateway], { credit: 60000, askable: ["paymob"] }))).toMatchObject({ ready: true, ask: null });
    expect(pay(bill(60000), paying([gateway, part({ id: 1 })], { askable: ["paymob"] }))).toMatchObject({ ready: false, ask: null });
  });

  test("in four parts: the empty one takes the rest, to the piastre", () => {
    const paid = pay(
      bill(60001),
      paying([
        part({ amount: 20000, tendered: 20500 }),
        part({ method: "card_terminal", reference: "7" }),
        part({ method: "voucher", amount: 5000, reference: "ABCD" }),
        part({ method: "bank_transfer", amount: 10001, reference: "T-1" }),
      ]),
    );
    expect(paid).toMatchObject({ ready: true, change: 500, amounts: [20000, 25000, 5000, 10001] });
  });

  test.each([
    [70000, "too_much", -10000],
    [59999, "rest_left", 1],
  ] as const)("an amount of %i for 60000 is %s", (amount, problem, rest) => {
    expect(pay(bill(60000), paying([part({ amount })]))).toMatchObject({ ready: false, problem, rest });
  });

  test("of two empty parts only the last can take the rest", () => {
    const paid = pay(bill(60000), paying([part(), part({ method: "card_terminal", reference: "7" })]));
    expect(paid).toMatchObject({ ready: false, part_problems: ["amount_missing", null] });
  });

  test("the credit pays first, and may pay everything", () => {
    expect(pay(bill(60000), paying([part()], { credit: 15000 })).payments[0]?.amount.minor).toBe(45000);
    expect(pay(bill(60000), paying([part()], { credit: 60000 }))).toMatchObject({ payments: [], ready: true });
  });

  test("what is not paid stays owed until a day", () => {
    const later = { owe_until: "2026-04-01" };
    expect(pay(bill(60000), paying([part()], later))).toMatchObject({ payments: [], owed: 60000, ready: true });
    expect(pay(bill(60000), paying([part({ amount: 20000 })], later))).toMatchObject({ owed: 40000, ready: true });
    expect(pay(bill(60000), paying([part()], { owe_until: "" }))).toMatchObject({ problem: "owe_until_missing" });
  });

  test("cash is rounded where small coins are out of use, every other way is exact", () => {
    expect(pay(rounding(60012), paying([part()]))).toMatchObject({ amounts: [60000], rounding: 12, ready: true });
    expect(pay(rounding(60013), paying([part({ tendered: 60100 })]))).toMatchObject({ amounts: [60025], rounding: -12, change: 75 });
    const card = part({ method: "card_terminal", reference: "7" });
    expect(pay(rounding(60012), paying([card]))).toMatchObject({ amounts: [60012], rounding: 0 });
    const both = [{ ...card, amount: 30006 }, part()];
    expect(pay(rounding(60012), paying(both))).toMatchObject({ amounts: [30006, 30000], rounding: 6, ready: true });
    // Rounded to nothing it could not be paid at all.
    expect(pay(rounding(10), paying([part()]))).toMatchObject({ amounts: [10], rounding: 0, ready: true });
  });

  test("what costs nothing is not paid at all", () => {
    expect(pay(bill(0), paying([part({ tendered: 5 })]))).toMatchObject({ payments: [], change: 0, ready: true });
  });

  test("keeps every currency's own decimals", () => {
    expect(parseMoney("12.345", "KWD")).toBe(12345);
    expect(parseMoney("12.345", "EGP")).toBeNull();
    expect(parseMoney("1200", "JPY")).toBe(1200);
    expect(parseMoney("1200.5", "JPY")).toBeNull();
    expect(pay(bill(12345, "KWD"), paying([part({ tendered: 20000 })])).change).toBe(7655);
  });
});

test("likely notes are the next round sums", () => {
  expect(likelyNotes(57500, decimalPlaces("EGP"))).toEqual([58000, 60000, 100000]);
  expect(likelyNotes(60000, decimalPlaces("EGP"))).toEqual([100000]);
  expect(likelyNotes(1200, decimalPlaces("JPY"))).toEqual([1500, 2000]);
});
