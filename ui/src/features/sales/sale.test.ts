import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CallError, Unreachable } from "../../ipc/errors.js";
import type { Money, Plan, Product, SalePreview, Sell, Subscription } from "../../ipc/wire.js";
import { choicesFor, keyOf, SaleDesk, wished } from "./sale.svelte.js";

const answers = new Map<string, (request: unknown) => unknown>();
vi.mock("../../ipc/client.js", () => ({
  call: async (command: string, request: unknown) => answers.get(command)?.(request),
}));

const price = { minor: 60000, currency: "EGP" };
const plan = (id: string, some: Partial<Plan> = {}) => ({ id, name: id, price, archived_at: null, ...some }) as Plan;
const product = (id: string, some: Partial<Product> = {}) =>
  ({ id, name: id, native_name: null, category: null, barcodes: [], price, stock: 5, is_low: false, ...some }) as unknown as Product;
const subscription = (id: string, plan_id: string, some: Partial<Subscription> = {}) =>
  ({ id, plan_id, status: "expired", kind: "gym", ...some }) as Subscription;

describe("what can be sold to a member", () => {
  test("renewing comes first, once per plan, then every plan and product with a price", () => {
    const choices = choicesFor(
      [subscription("s2", "month"), subscription("s1", "month"), subscription("s0", "year", { status: "cancelled" })],
      [plan("month"), plan("unpriced", { price: null }), plan("old", { archived_at: "2026-01-01T00:00:00Z" })],
      [product("shake"), product("unpriced", { price: null })],
    );
    expect(choices.map(keyOf)).toEqual(["s2", "month", "shake", "voucher"]);
  });

  test("a wish marks its line", () => {
    const choices = choicesFor([subscription("s2", "month")], [plan("month"), plan("year"), plan("day", { kind: "day_pass" })], []);
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
  const nothing = { minor: 0, currency: "EGP" };
  const preview = (total: Money, some: Partial<SalePreview> = {}) => ({
    member_id: "m", payer_name: "Mona", lines: [{ starts_on: "2026-03-04" }], total, tax: nothing, cash_total: total,
    credit: nothing, owed: nothing, warnings: [], short: [], ...some,
  });

  beforeEach(() => {
    vi.useFakeTimers();
    sent.length = 0;
    answers.set("sale_preview", () => preview(price));
    answers.set("member_get", () => ({ id: "m" }));
    answers.set("member_subscriptions", () => ({ rows: [subscription("s", "month")] }));
    answers.set("money_settings_get", () => ({ cash_rounding_minor: 25 }));
    answers.set("plan_list", () => ({ rows: [plan("month")] }));
    answers.set("product_list", () => ({ rows: [product("shake"), product("bar", { barcodes: ["5449000000996"] })] }));
    answers.set("product_by_code", (request) => {
      const found = { "111111": product("shake"), "222222": product("unpriced", { price: null }), "333333": product("new") };
      const one = found[(request as { code: keyof typeof found }).code];
      if (!one) throw new CallError({ code: "not_found", message: "no such product" });
      return one;
    });
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
    expect(desk.once.answer).toEqual(sale);
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
    expect(desk.marked).toBe(0);
    await vi.advanceTimersByTimeAsync(10_000);
    await selling;
    expect(sent).toHaveLength(3);
    expect(new Set(sent.map((one) => one.idempotency_key)).size).toBe(1);
    expect(desk.once.answer).toEqual(sale);
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
    expect(desk.once.problem).not.toBeNull();
    desk.tender.choose("card_terminal");
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
    answers.set("sale_preview", () => preview({ minor: 70000, currency: "EGP" }));
    await desk.commit();
    expect(desk.once.answer).toBeNull();
    expect(desk.preview?.total.minor).toBe(70000);
  });

  test("several things are one sale, in the order in which they were added", async () => {
    const desk = new SaleDesk();
    await desk.open({ subscription_id: "s" });
    desk.add(0);
    desk.choose(1);
    expect(desk.lines).toHaveLength(1);
    desk.add(1);
    desk.add(desk.choices.length - 1);
    expect(desk.basket).toBeNull();
    const voucher = desk.lines[2]!;
    voucher.amount = 25000;
    await desk.ask();
    await desk.commit();
    expect(sent[0]?.lines).toEqual([
      { kind: "renew", subscription_id: "s", from_old_end: false },
      { kind: "new", plan_id: "month", starts_on: null },
      { kind: "voucher", amount: { minor: 25000, currency: "EUR" } },
    ]);
  });

  test("with one thing left again, choosing exchanges it", async () => {
    const desk = new SaleDesk();
    await desk.open({ subscription_id: "s" });
    desk.add(1);
    desk.remove(desk.lines[0]!.id);
    expect([desk.several, desk.marked]).toEqual([false, 1]);
    desk.choose(0);
    expect(desk.lines.map((line) => line.choice.kind)).toEqual(["renew"]);
    desk.remove(desk.lines[0]!.id);
    expect(desk.lines).toHaveLength(1);
  });

  test("the payer's credit, rounded cash and what stays owed go out as they were shown", async () => {
    answers.set("sale_preview", () => preview(price, { credit: { minor: 10000, currency: "EGP" } }));
    const desk = new SaleDesk();
    await desk.open({ subscription_id: "s" });
    desk.tender.uses_credit = true;
    desk.tender.owe_until = "2026-04-01";
    desk.tender.parts[0]!.amount = 20000;
    expect(desk.paid).toMatchObject({ credit: 10000, owed: 30000, ready: true });
    await desk.commit();
    expect(sent[0]).toMatchObject({ credit_minor: 10000, owe_until: "2026-04-01", payments: [{ amount: { minor: 20000 } }] });

    answers.set("sale_preview", () => preview({ minor: 60012, currency: "EGP" }, { cash_total: price }));
    const another = new SaleDesk();
    await another.open({ subscription_id: "s" });
    await another.commit();
    expect(sent[1]).toMatchObject({ expected_total: { minor: 60012 }, payments: [{ amount: price }], owe_until: null });
  });

  test("nothing is sent while a payment is not complete", async () => {
    const desk = new SaleDesk();
    await desk.open({ subscription_id: "s" });
    desk.tender.choose("card_terminal");
    await desk.commit();
    expect(sent).toEqual([]);
    desk.tender.parts[0]!.reference = "0042";
    await desk.commit();
    expect(sent[0]?.payments).toMatchObject([{ method: "card_terminal", reference: "0042" }]);
  });

  const shake = (quantity: number) => ({ kind: "product", product_id: "shake", quantity });
  const renewal = { kind: "renew", subscription_id: "s", from_old_end: false };

  test("a renewal that was asked for and two scanned shakes are one sale", async () => {
    const desk = new SaleDesk();
    await desk.open({ subscription_id: "s" });
    expect([await desk.scan("111111"), await desk.scan("111111")]).toEqual([true, true]);
    await desk.ask();
    await desk.commit();
    expect(sent[0]?.lines).toEqual([renewal, shake(2)]);
  });

  test("what the dialog only suggested makes room for what is scanned; what was added stays", async () => {
    const desk = new SaleDesk();
    await desk.open({ member_id: "m" });
    expect(desk.basket?.lines).toEqual([renewal]);
    await desk.scan("111111");
    expect(desk.basket?.lines).toEqual([shake(1)]);
    const another = new SaleDesk();
    await another.open({ member_id: "m" });
    another.add(0);
    await another.scan("111111");
    expect(another.basket?.lines).toEqual([renewal, shake(1)]);
  });

  test("a code of no product is left to the door, and a scan waits for the list", async () => {
    const desk = new SaleDesk();
    const opening = desk.open({ member_id: null });
    expect(await desk.scan("6221033100021")).toBe(false);
    expect(desk.loading).toBe(false);
    expect(desk.basket).toBeNull();
    await opening;
    expect(await desk.scan("222222")).toBe(true);
    expect([desk.basket, desk.notice]).toEqual([null, expect.stringContaining("unpriced")]);
    // On the shelf since the list was loaded.
    await desk.scan("333333");
    expect(desk.basket?.lines).toMatchObject([{ product_id: "new" }]);
  });

  test("nothing is put into a sale that is on its way", async () => {
    answers.set("sell", () => {
      throw new Unreachable("gone");
    });
    const desk = new SaleDesk();
    await desk.open({ subscription_id: "s" });
    const selling = desk.commit();
    await desk.scan("111111");
    await vi.advanceTimersByTimeAsync(10_000);
    await selling;
    expect(await desk.scan("111111")).toBe(true);
    expect(desk.basket?.lines).toEqual([renewal]);
  });

  test("one more and one less; from the shelf the basket may become empty", async () => {
    const desk = new SaleDesk();
    await desk.open({ member_id: null });
    desk.choose(0);
    desk.add(0);
    expect(desk.basket?.lines).toEqual([shake(2)]);
    desk.less(0);
    expect(desk.basket?.lines).toEqual([shake(1)]);
    desk.less(0);
    expect([desk.basket, desk.preview]).toEqual([null, null]);
    await desk.commit();
    expect(sent).toEqual([]);
  });

  test("who is no member takes the shelf along when it turns out who they are, and leaves plans and debts behind", async () => {
    const desk = new SaleDesk();
    await desk.open({ member_id: null });
    expect(desk.choices.map(keyOf)).toEqual(["shake", "bar", "voucher"]);
    await desk.scan("111111");
    expect(desk.basket).toMatchObject({ member_id: null });
    await desk.serve("m");
    desk.add(0);
    desk.tender.owe(true);
    expect(desk.basket).toEqual({ member_id: "m", lines: [shake(1), renewal] });
    await desk.serve(null);
    expect(desk.basket).toEqual({ member_id: null, lines: [shake(1)] });
    expect(desk.tender.owe_until).toBeNull();
  });

  test("a name or the beginning of a barcode finds", async () => {
    const desk = new SaleDesk();
    await desk.open({ member_id: "m" });
    const found = (text: string) => {
      desk.find(text);
      return desk.shown.map(({ choice }) => keyOf(choice));
    };
    expect(found("SHA")).toEqual(["shake"]);
    expect(desk.marked).toBe(2);
    expect(found("54490")).toEqual(["bar"]);
    expect(found("mon")).toEqual(["month"]);
    expect(found("nothing")).toEqual([]);
    expect(found("")).toHaveLength(5);
  });
});
