import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CallError, Unreachable } from "../../ipc/errors.js";
import type { ActPreview, DoAct, Permission, Standing, Subscription, SubscriptionEvent } from "../../ipc/wire.js";
import { language } from "../../shared/language.svelte.js";
import { ActDesk, actsFor } from "./act.svelte.js";
import { diff } from "./diff.js";

const answers = new Map<string, (request: unknown) => unknown>();
vi.mock("../../ipc/client.js", () => ({
  call: async (command: string, request: unknown) => answers.get(command)?.(request),
}));

const egp = (minor: number) => ({ minor, currency: "EGP" });
const event = (kind: SubscriptionEvent["kind"], voided = false) => ({ kind, voided }) as SubscriptionEvent;
const subscription = (some: Partial<Subscription>): Subscription =>
  ({ status: "active", frozen_from: null, cancelled_on: null, events: [event("sold")], ...some }) as Subscription;
const anybody = () => true;

describe("what can be done to a subscription", () => {
  test("a running one can be frozen, changed and cancelled, but not thawed or taken back", () => {
    expect(actsFor(subscription({}), anybody)).toEqual(["freeze", "gift", "change", "transfer", "auto_renew", "cancel"]);
  });

  test("a frozen one is thawed first, and not frozen again", () => {
    const acts = actsFor(subscription({ status: "frozen", frozen_from: "2026-03-01" }), anybody);
    expect(acts).toEqual(["thaw", "gift", "auto_renew", "cancel"]);
  });

  test("a cancellation can be taken back once, a change of plan never", () => {
    const over = { status: "cancelled", cancelled_on: "2026-03-01" } as const;
    const acts = (...events: SubscriptionEvent[]) => actsFor(subscription({ ...over, events }), anybody);
    expect(acts(event("sold"), event("cancelled"))).toEqual(["reinstate"]);
    expect(acts(event("sold"), event("cancelled"), event("reinstated"))).toEqual([]);
    expect(acts(event("sold"), event("changed"))).toEqual([]);
    expect(acts(event("sold"), event("cancelled", true))).toEqual([]);
  });

  test("nobody is offered what they may not do", () => {
    const may = (permission: Permission) => permission === "freeze_subscriptions";
    expect(actsFor(subscription({}), may)).toEqual(["freeze"]);
  });
});

const standing = (some: Partial<Standing> = {}): Standing => ({
  plan_name: "Monthly", status: "active", starts_on: "2026-03-01", ends_on: "2026-03-31", remaining_days: 20,
  visits_left: null, freeze_days_remaining: 14, frozen_from: null, frozen_until: null, cancelled_on: null,
  auto_renew: false, ...some,
});

describe("before and after", () => {
  beforeEach(() => (language.current = "en"));
  const rows = (after: Standing, successor: Standing | null = null) => diff(standing(), after, successor);

  test("only what changes is marked, and what is never known is left out", () => {
    const after = standing({ status: "frozen", ends_on: "2026-04-07", frozen_from: "2026-03-11", frozen_until: "2026-03-17", freeze_days_remaining: 7 });
    const changed = rows(after).filter((row) => row.changed);
    expect(changed.map((row) => row.label)).toEqual(["Status", "Until", "Freeze", "Freeze days left"]);
    expect(rows(after).map((row) => row.label)).not.toContain("Visits left");
    expect(changed[0]).toMatchObject({ before: "Active", after: "Frozen" });
  });

  test("nothing changed is nothing marked", () => {
    expect(rows(standing()).some((row) => row.changed)).toBe(false);
  });

  test("the one that goes on stands beside it", () => {
    const row = rows(standing({ status: "cancelled" }), standing({ plan_name: "Yearly" })).find(({ label }) => label === "Plan");
    expect(row).toMatchObject({ before: "Monthly", after: "Monthly", successor: "Yearly", changed: true });
  });
});

describe("one opening of the dialog", () => {
  const sent: DoAct[] = [];
  const preview = (some: Partial<ActPreview> = {}): ActPreview => ({
    version: 3, before: standing(), after: standing(), successor: null, credited: egp(0), charged: egp(0), due: egp(0),
    to_credit: egp(0), warnings: [], ...some,
  });
  const acted = { event_id: "e", change: egp(0), owed: egp(0) };

  beforeEach(() => {
    vi.useFakeTimers();
    sent.length = 0;
    answers.set("subscription_preview", () => preview());
    answers.set("subscription_act", (request) => {
      sent.push(request as DoAct);
      return acted;
    });
  });
  afterEach(() => vi.useRealTimers());

  const open = async (wish: ConstructorParameters<typeof ActDesk>[0]) => {
    const desk = new ActDesk(wish);
    await desk.ask();
    return desk;
  };

  test("does what the preview showed, with its version", async () => {
    const desk = await open({ subscription_id: "s", act: "freeze" });
    await desk.commit();
    expect(sent).toMatchObject([{ subscription_id: "s", act: "freeze", days: 7, version: 3, expected_due: egp(0), payments: [], reason: null }]);
    expect(desk.once.answer).toEqual(acted);
  });

  test("does nothing while the preview shows something else than the fields", async () => {
    const desk = await open({ subscription_id: "s", act: "freeze" });
    desk.days = 9;
    expect(desk.fresh).toBe(false);
    await desk.commit();
    expect(sent).toEqual([]);
    await desk.ask();
    await desk.commit();
    expect(sent).toMatchObject([{ days: 9 }]);
  });

  test("an answer to an older question is not shown", async () => {
    const desk = new ActDesk({ subscription_id: "s", act: "freeze" });
    let answer: (preview: ActPreview) => void = () => {};
    answers.set("subscription_preview", () => new Promise<ActPreview>((done) => (answer = done)));
    const first = desk.ask();
    desk.days = 9;
    answers.set("subscription_preview", () => preview({ version: 9 }));
    await desk.ask();
    answer(preview({ version: 7 }));
    await first;
    expect(desk.preview?.version).toBe(9);
  });

  test.each(["minimum_term", "notice", "freeze_limit"])("%s is only set aside with a reason", async (code) => {
    answers.set("subscription_preview", () => preview({ warnings: [code] }));
    const desk = await open({ subscription_id: "s", act: "cancel" });
    desk.reason = "  ";
    await desk.commit();
    expect(sent).toEqual([]);
    desk.reason = " Moves away ";
    await desk.commit();
    expect(sent).toMatchObject([{ when: "at_end", reason: "Moves away" }]);
  });

  test("a debt is mentioned and needs no reason", async () => {
    answers.set("subscription_preview", () => preview({ warnings: ["unpaid"] }));
    const desk = await open({ subscription_id: "s", act: "auto_renew", on: true });
    await desk.commit();
    expect(sent).toMatchObject([{ act: "auto_renew", on: true }]);
  });

  test("what is due is paid, or stays owed until a day", async () => {
    answers.set("subscription_preview", () => preview({ due: egp(30000) }));
    const desk = await open({ subscription_id: "s", act: "change" });
    await desk.commit();
    expect(sent).toEqual([]);
    desk.plan_id = "year";
    desk.keep_end = false;
    await desk.ask();
    desk.tender.owe_until = "2026-04-01";
    desk.tender.parts[0]!.amount = 10000;
    await desk.commit();
    expect(sent).toMatchObject([
      { act: "change", plan_id: "year", keep_end: false, expected_due: egp(30000), owe_until: "2026-04-01", payments: [{ method: "cash", amount: egp(10000) }] },
    ]);
  });

  test("a lost answer is asked for with the same key; a refusal looks again", async () => {
    let lost = 1;
    answers.set("subscription_act", (request) => {
      sent.push(request as DoAct);
      if (lost-- > 0) throw new Unreachable("gone");
      throw new CallError({ code: "subscription_changed", message: "changed" });
    });
    const desk = await open({ subscription_id: "s", act: "thaw" });
    answers.set("subscription_preview", () => preview({ version: 4 }));
    const doing = desk.commit();
    await vi.advanceTimersByTimeAsync(10_000);
    await doing;
    expect(sent).toHaveLength(2);
    expect(sent[1]).toEqual(sent[0]);
    expect(desk.preview?.version).toBe(4);
    expect(desk.once.problem).toMatch(/Another desk/);
  });
});
