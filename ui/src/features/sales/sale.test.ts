import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CallError, Unreachable } from "../../ipc/errors.js";
import type { Plan, Sell, Subscription } from "../../ipc/wire.js";
import { choicesFor, SaleDesk, wished } from "./sale.svelte.js";

const answers = new Map<string, (request: unknown) => unknown>();
vi.mock("../../ipc/client.js", () => ({
  call: async (command: string, request: unknown) => answers.get(command)?.(request),
}));

const price = { minor: 60000, currency: "EGP" };
const plan = (id: string, some: Partial<Plan> = {}) => ({ id, name: id, price, archived_at: null, ...some }) as Plan;
const subscription = (id: string, plan_id: string, some: Partial<Subscription> = {}) =>
  ({ id, plan_id, status: "expired", kind: "gym", ...some }) as Subscription;

describe("what can be sold to a member", () => {
  test("renewing comes first, once per plan, then every plan with a price", () => {
    const choices = choicesFor(
      [subscription("s2", "month"), subscription("s1", "month"), subscription("s0", "year", { status: "cancelled" })],
      [plan("month"), plan("unpriced", { price: null }), plan("old", { archived_at: "2026-01-01T00:00:00Z" })],
    );
    expect(choices.map((one) => (one.kind === "renew" ? one.subscription.id : one.plan.id))).toEqual(["s2", "month"]);
  });

  test("a wish marks its line", () => {
    const choices = choicesFor([subscription("s2", "month")], [plan("month"), plan("year"), plan("day", { kind: "day_pass" })]);
    expect(wished(choices, { subscription_id: "s2" })).toBe(0);
    expect(wished(choices, { member_id: "m", plan_id: "year" })).toBe(2);
    expect(wished(choices, { member_id: "m", plan_id: "gone" })).toBe(-1);
    expect(wished(choices, { member_id: "m", kind: "day_pass" })).toBe(3);
    expect(wished(choices, { member_id: "m", kind: "course" })).toBe(-1);
    expect(wished(choices, { member_id: "m" })).toBe(-1);
  });
});

describe("one opening of the dialog", () => {
  const sent: Sell[] = [];
  const sale = { transaction_id: "t", change: { minor: 0, currency: "EGP" } };

  beforeEach(() => {
    vi.useFakeTimers();
    sent.length = 0;
    answers.set("sale_preview", () => ({ member_id: "m", lines: [{ starts_on: "2026-03-04" }], total: price, warnings: [] }));
    answers.set("member_get", () => ({ id: "m" }));
    answers.set("member_subscriptions", () => ({ rows: [subscription("s", "month")] }));
    answers.set("plan_list", () => ({ rows: [plan("month")] }));
    answers.set("sell", (request) => {
      sent.push(request as Sell);
      return sale;
    });
  });
  afterEach(() => vi.useRealTimers());

  test("sells what the preview showed, in cash, exactly", async () => {
    const desk = new SaleDesk();
    await desk.open({ subscription_id: "s" });
    await desk.commit();
    expect(sent).toMatchObject([
      {
        member_id: "m",
        lines: [{ kind: "renew", subscription_id: "s" }],
        expected_total: price,
        expected_starts_on: "2026-03-04",
      },
    ]);
    expect(desk.sale).toEqual(sale);
  });

  test("asks again with the same key when the answer is lost, and changes nothing meanwhile", async () => {
    let lost = 2;
    answers.set("sell", (request) => {
      sent.push(request as Sell);
      if (lost-- > 0) throw new Unreachable("gone");
      return sale;
    });
    const desk = new SaleDesk();
    await desk.open({ subscription_id: "s" });
    const selling = desk.commit();
    await vi.advanceTimersByTimeAsync(500);
    desk.choose(1);
    expect(desk.chosen).toBe(0);
    await vi.advanceTimersByTimeAsync(10_000);
    await selling;
    expect(sent).toHaveLength(3);
    expect(new Set(sent.map((one) => one.idempotency_key)).size).toBe(1);
    expect(desk.sale).toEqual(sale);
  });

  test("sends the very same sale when a person tries again after a long cut", async () => {
    answers.set("sell", (request) => {
      sent.push(request as Sell);
      throw new Unreachable("gone");
    });
    const desk = new SaleDesk();
    await desk.open({ subscription_id: "s" });
    const selling = desk.commit();
    await vi.advanceTimersByTimeAsync(10_000);
    await selling;
    expect(desk.problem).not.toBeNull();
    desk.how = "card_terminal";
    answers.set("sell", (request) => {
      sent.push(request as Sell);
      return sale;
    });
    await desk.commit();
    expect(sent.at(-1)).toEqual(sent[0]);
  });

  test("looks again at the price when the server says that it changed", async () => {
    answers.set("sell", () => {
      throw new CallError({ code: "price_changed", message: "changed" });
    });
    const desk = new SaleDesk();
    await desk.open({ subscription_id: "s" });
    answers.set("sale_preview", () => ({ member_id: "m", lines: [], total: { minor: 70000, currency: "EGP" }, warnings: [] }));
    await desk.commit();
    expect(desk.sale).toBeNull();
    expect(desk.preview?.total.minor).toBe(70000);
  });
});
