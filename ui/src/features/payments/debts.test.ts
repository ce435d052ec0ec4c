import { beforeEach, describe, expect, test, vi } from "vitest";
import { CallError, Unreachable } from "../../ipc/errors.js";
import type { AskPayment, AskRefund, Debts, PayDebts, PaymentShown, Refund, RefundForm } from "../../ipc/wire.js";
import { DebtsDesk } from "./debts.svelte.js";
import { RefundDesk, waysBack } from "./refund.svelte.js";
import { inCashBy } from "./rounding.js";

const answers = new Map<string, (request: unknown) => unknown>();
vi.mock("../../ipc/client.js", () => ({
  call: async (command: string, request: unknown) => answers.get(command)?.(request),
}));

const egp = (minor: number) => ({ minor, currency: "EGP" });

describe("taking what is owed", () => {
  const sent: PayDebts[] = [];
  const row = (charge_id: string, minor: number) => ({ charge_id, owed: egp(minor) }) as Debts["rows"][number];

  beforeEach(() => {
    sent.length = 0;
    answers.set("money_settings_get", () => ({ cash_rounding_minor: 25 }));
    answers.set("debts", () => ({
      payer_id: "m", payer_name: "Mona", rows: [row("a", 30000), row("b", 12012)], owed: egp(42012), credit: egp(5000),
    }));
    answers.set("pay_debts", (request) => {
      sent.push(request as PayDebts);
      return { receipt_number: 7, change: egp(0), still_owed: egp(0), credit: egp(0) };
    });
  });

  const open = async () => {
    const desk = new DebtsDesk("m");
    await desk.load();
    return desk;
  };

  test("takes all of it, oldest first, rounded in cash", async () => {
    const desk = await open();
    await desk.commit();
    expect(sent).toMatchObject([{ member_id: "m", charge_ids: [], credit_minor: 0, payments: [{ method: "cash", amount: egp(42000) }], in_advance: false }]);
  });

  test("takes one charge alone when the other is left out", async () => {
    const desk = await open();
    desk.choose("b", false);
    expect(desk.owed).toBe(30000);
    await desk.commit();
    expect(sent).toMatchObject([{ charge_ids: ["a"], payments: [{ amount: egp(30000) }] }]);
  });

  test("takes a part as it was handed over, without rounding", async () => {
    const desk = await open();
    desk.amount = 10010;
    await desk.commit();
    expect(sent).toMatchObject([{ payments: [{ amount: egp(10010) }], in_advance: false }]);
  });

  test("keeps what is more than the debt as credit", async () => {
    const desk = await open();
    desk.amount = 50000;
    await desk.commit();
    expect(sent).toMatchObject([{ payments: [{ amount: egp(50000) }], in_advance: true }]);
  });

  test("uses the credit first", async () => {
    const desk = await open();
    desk.tender.uses_credit = true;
    desk.choose("b", false);
    desk.tender.uses_credit = true;
    await desk.commit();
    expect(sent).toMatchObject([{ credit_minor: 5000, payments: [{ amount: egp(25000) }] }]);
  });
});

describe("asking for what is owed", () => {
  const asked: AskPayment[] = [];
  const row = (charge_id: string, minor: number) => ({ charge_id, owed: egp(minor) }) as Debts["rows"][number];

  beforeEach(() => {
    asked.length = 0;
    answers.set("money_settings_get", () => ({ cash_rounding_minor: 1 }));
    answers.set("debts", () => ({
      payer_id: "payer", payer_name: "Mona", rows: [row("a", 30000), row("b", 12000)], owed: egp(42000), credit: egp(5000),
    }));
    answers.set("payment_methods", () => ({ rows: ["paymob"] }));
    answers.set("payment_request", (request) => {
      asked.push(request as AskPayment);
      return { id: "r", state: "ordered" };
    });
  });

  const open = async () => {
    const desk = new DebtsDesk("child");
    await desk.load();
    desk.tender.choose("paymob");
    return desk;
  };

  test("asks the payer for the charges, and a part of them for a part", async () => {
    const desk = await open();
    desk.amount = 20000;
    await desk.commit();
    expect(asked).toMatchObject([{ method: "paymob", payer_id: "payer", charge_ids: ["a", "b"], amount: egp(20000) }]);
  });

  test("asks for no more than is owed, and for nothing beside the credit", async () => {
    const desk = await open();
    desk.amount = 50000;
    await desk.commit();
    expect(desk.problem).toContain("at most");
    desk.amount = null;
    desk.tender.uses_credit = true;
    await desk.commit();
    expect(desk.problem).toContain("credit first");
    expect(asked).toEqual([]);
  });

  test("a lost answer is asked for again with the same key, another way begins anew", async () => {
    vi.useFakeTimers();
    const desk = await open();
    answers.set("payment_request", (request) => {
      asked.push(request as AskPayment);
      if (asked.length === 1) throw new Unreachable("gone");
      return { id: "r", state: "ordered" };
    });
    const sending = desk.commit();
    await vi.advanceTimersByTimeAsync(2000);
    await sending;
    vi.useRealTimers();
    expect(asked).toHaveLength(2);
    expect(asked[0]?.idempotency_key).toBe(asked[1]?.idempotency_key);
    await desk.again();
    expect(desk.asking.answer).toBeNull();
    expect(desk.asking.key).not.toBe(asked[0]?.idempotency_key);
  });
});

describe("paying back through the gateway", () => {
  const steps: string[] = [];
  const keys: string[] = [];
  const payment = (unused: number) =>
    ({ payment_id: "p", method: "paypal", amount: egp(60000), refundable: egp(60000), unused: egp(unused) }) as PaymentShown;

  beforeEach(() => {
    steps.length = keys.length = 0;
    answers.set("refund_preview", () => ({ lines: [], owed_again: egp(0), ends: [] }));
    answers.set("refund", (request) => {
      const { amount, to, take_back } = request as Refund;
      steps.push(`${to.kind} ${amount.minor} ${take_back}`);
      return { receipt_number: 8, amount };
    });
    answers.set("gateway_refund", (request) => {
      const { amount, idempotency_key } = request as AskRefund;
      steps.push(`gateway ${amount.minor}`);
      keys.push(idempotency_key);
      if (keys.length === 1) throw new CallError({ code: "gateway_unreachable", message: "gone" });
      return { state: "confirmed", amount };
    });
  });

  const open = async (unused: number) => {
    const desk = new RefundDesk(payment(unused));
    desk.reason = "Moves away";
    await desk.ask();
    return desk;
  };

  test("what was bought becomes credit once; a refusal leaves it so and can be tried again", async () => {
    const desk = await open(10000);
    expect(desk.to).toBe("gateway");
    await desk.commit();
    expect(desk.problem).toContain("is the member's credit");
    await desk.ask();
    expect(desk.problem).not.toBeNull();
    await desk.commit();
    expect(steps).toEqual(["credit 50000 true", "gateway 60000", "gateway 60000"]);
    expect(desk.gateway.answer?.state).toBe("confirmed");
    expect(keys[0]).not.toBe(keys[1]);
  });

  test("what is credit already goes back at once", async () => {
    const desk = await open(60000);
    await desk.commit();
    expect(steps).toEqual(["gateway 60000"]);
  });
});

describe("paying back", () => {
  const payment = (some: Partial<PaymentShown> = {}) =>
    ({ payment_id: "p", method: "card_terminal", amount: egp(60000), refundable: egp(45000), ...some }) as PaymentShown;
  const asked: RefundForm[] = [];
  const sent: Refund[] = [];

  beforeEach(() => {
    asked.length = sent.length = 0;
    answers.set("refund_preview", (form) => {
      asked.push(form as RefundForm);
      return { method: "card_terminal", paid: egp(60000), refundable: egp(45000), lines: [], owed_again: egp(0), ends: [] };
    });
    answers.set("refund", (request) => {
      sent.push(request as Refund);
      return { receipt_number: 8, amount: egp(45000) };
    });
  });

  test("the way it came is offered first; a voucher only takes back what it paid", () => {
    expect(waysBack(payment(), "EGP")).toEqual(["card_terminal", "cash", "bank_transfer", "credit"]);
    expect(waysBack(payment({ method: "voucher" }), "EGP")[0]).toBe("voucher");
    expect(waysBack(payment(), "INR")).toContain("upi");
  });

  test("is refused here without a reason and the terminal's number", async () => {
    const desk = new RefundDesk(payment());
    await desk.ask();
    await desk.commit();
    expect(sent).toEqual([]);
    desk.reason = "Moved away";
    await desk.commit();
    expect(sent).toEqual([]);
    desk.reference = " 000009 ";
    await desk.ask();
    await desk.commit();
    expect(sent).toMatchObject([
      { payment_id: "p", amount: egp(45000), to: { kind: "card_terminal", reference: "000009" }, take_back: true, end_subscriptions: true, reason: "Moved away" },
    ]);
  });

  test("what stays as credit was taken back, and no subscription ends with what stays sold", async () => {
    const desk = new RefundDesk(payment());
    desk.take_back = false;
    expect(desk.form).toMatchObject({ take_back: false, end_subscriptions: false });
    desk.to = "credit";
    expect(desk.form).toMatchObject({ take_back: true, end_subscriptions: true });
  });

  test("nothing is sent for an amount that was not previewed", async () => {
    const desk = new RefundDesk(payment({ method: "cash" }));
    desk.reason = "Wrong plan";
    await desk.ask();
    desk.amount = 10000;
    await desk.commit();
    expect(sent).toEqual([]);
    await desk.ask();
    await desk.commit();
    expect(sent).toMatchObject([{ amount: egp(10000), to: { kind: "cash" } }]);
    expect(asked).toHaveLength(2);
  });
});

test("cash rounds to the nearest coin, half a coin up", () => {
  const quarter = inCashBy(25);
  expect([0, 12, 13, 25, 37, 38].map(quarter)).toEqual([0, 0, 25, 25, 25, 50]);
  expect(inCashBy(5)(2)).toBe(0);
  expect(inCashBy(1)(60013)).toBe(60013);
});
