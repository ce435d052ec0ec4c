import { expect, type APIRequestContext, type Locator, type Page } from "@playwright/test";
import { randomUUID } from "node:crypto";
import type { Commands } from "../../ui/src/ipc/bindings/commands.js";
import type { Gym } from "./gym.js";

export const OWNER = { name: "Nadia Owner", email: "owner@gym.example", password: "Owner-Pass-1", pin: "4826" };
export const RECEPTION = { name: "Rami Desk", username: "rami", password: "Desk-Pass-1", pin: "7391" };

/** The same calls as the interface makes, for what a test needs but is not about. */
export class Office {
  private constructor(
    private readonly request: APIRequestContext,
    private readonly url: string,
    private csrf: string,
  ) {}

  /** The gym without the wizard; logs the owner in, and the page's cookies with it. */
  static async setUp(page: Page, gym: Gym, some: Partial<Commands["set_up"]["request"]> = {}): Promise<Office> {
    const office = new Office(page.request, gym.url, "");
    const me = await office.call("set_up", {
      gym_name: "Nile Fitness", default_country: "EG", branch_name: "Zamalek", time_zone: "Africa/Cairo",
      currency: "EGP", day_starts_at: 0, owner_name: OWNER.name, owner_email: OWNER.email,
      owner_password: OWNER.password, owner_pin: OWNER.pin, ...some,
    });
    office.csrf = me.csrf_token;
    return office;
  }

  static async logIn(page: Page, gym: Gym): Promise<Office> {
    const office = new Office(page.request, gym.url, "");
    office.csrf = (await office.call("login", { identifier: OWNER.email, password: OWNER.password })).csrf_token;
    return office;
  }

  async call<C extends keyof Commands>(command: C, request: Commands[C]["request"]): Promise<Commands[C]["response"]> {
    const answer = await this.request.post(`${this.url}/rpc/${command}`, {
      data: JSON.stringify(request),
      headers: { "content-type": "application/json", "x-gatehouse-csrf": this.csrf },
    });
    const text = await answer.text();
    if (!answer.ok()) throw new Error(`${command}: ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  plan(name: string, price_minor: number, some: Partial<Commands["plan_create"]["request"]> = {}) {
    return this.call("plan_create", {
      id: randomUUID(), name, native_name: null, kind: "gym", training_type: null, tier: null, duration_unit: "months",
      duration_count: 1, visits: null, visit_rule: "per_day", access_windows: [], branch_scope: "home", branch_ids: [],
      freeze_days: 0, freeze_times: 0, minimum_term_days: 0, notice_days: 0, trainer_account_id: null, tax_rate_id: null, auto_renew: false, price_minor,
      ...some,
    });
  }

  member(full_name: string, some: Partial<Commands["member_register"]["request"]> = {}) {
    return this.call("member_register", {
      id: randomUUID(), full_name, native_name: null, phone: null, email: null, birth_date: null, sex: null,
      emergency_name: null, emergency_phone: null, goal: null, fitness_level: null, health_conditions: null, notes: null,
      tags: [], custom_fields: {}, consent: {}, language: "en", ...some,
    });
  }

  /** Sells a plan from a day on, paid in cash unless said otherwise: with an early day, one that has ended since. */
  async sold(member_id: string, plan_id: string, starts_on: string, some: Partial<Commands["sell"]["request"]> = {}) {
    const basket = { member_id, lines: [{ kind: "new" as const, plan_id, starts_on }] };
    const { total, cash_total, lines } = await this.call("sale_preview", basket);
    const cash = { method: "cash" as const, amount: cash_total, tendered: null, reference: null };
    return this.call("sell", {
      ...basket, idempotency_key: randomUUID(), expected_total: total, expected_starts_on: lines[0]?.starts_on ?? null,
      credit_minor: 0, payments: [cash], owe_until: null, ...some,
    });
  }

  /** Does something to a subscription that costs nothing. */
  async act(act: Commands["subscription_preview"]["request"], reason: string | null) {
    const { version, due } = await this.call("subscription_preview", act);
    return this.call("subscription_act", {
      ...act, idempotency_key: randomUUID(), version, reason, expected_due: due, payments: [], owe_until: null,
    });
  }

  /** A subscription of an old system that runs one day to another, with nothing to pay. */
  tookOver(member_id: string, plan_id: string, starts_on: string, ends_on: string) {
    return this.call("take_over", {
      idempotency_key: randomUUID(), member_id, plan_id, starts_on, ends_on, visits_left: null,
    });
  }
}

/** A calendar day of the branch, some days from today. Of a branch elsewhere it may be another than in Cairo. */
export function dayFromToday(days: number, timeZone = "Africa/Cairo"): string {
  const parts = new Intl.DateTimeFormat("en-CA", { timeZone, dateStyle: "short" });
  return parts.format(new Date(Date.now() + days * 86_400_000));
}

/** Counts what a person presses, so that a shortest path stays one. */
export class Keys {
  pressed = 0;
  constructor(private readonly page: Page) {}

  async press(...keys: string[]): Promise<void> {
    for (const key of keys) {
      this.pressed++;
      await this.page.keyboard.press(key);
    }
  }

  async type(text: string): Promise<void> {
    this.pressed += text.length;
    // As fast as a person: a scanner's burst is quicker than 30 ms a key.
    await this.page.keyboard.type(text, { delay: 60 });
  }
}

/** A code from a scanner that types: real keys, stamped 4 ms apart however busy the machine is. */
export async function scan(page: Page, digits: string): Promise<void> {
  const browser = await page.context().newCDPSession(page);
  const begun = Date.now() / 1000;
  const keys = [...digits].map((digit) => ({ key: digit, code: `Digit${digit}`, text: digit, at: digit.charCodeAt(0) }));
  for (const [index, { key, code, text, at }] of [...keys, { key: "Enter", code: "Enter", text: "\r", at: 13 }].entries()) {
    const pressed = { key, code, windowsVirtualKeyCode: at, timestamp: begun + index * 0.004 };
    await browser.send("Input.dispatchKeyEvent", { ...pressed, type: "keyDown", text });
    await browser.send("Input.dispatchKeyEvent", { ...pressed, type: "keyUp" });
  }
  await browser.detach();
}

/** What stands on the stage: the word, and everything else that is said. */
export function verdict(page: Page): Locator {
  return page.locator("section.verdict");
}

export function feed(page: Page): Locator {
  return page.getByRole("region", { name: "Last scans" });
}

/** Opens Reception as the owner. */
export async function standAtDesk(page: Page, gym: Gym): Promise<Office> {
  const office = await Office.logIn(page, gym);
  await page.goto(gym.url);
  await expect(page.getByRole("combobox")).toBeVisible();
  return office;
}
