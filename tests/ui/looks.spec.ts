import { expect, test } from "@playwright/test";
import { randomUUID } from "node:crypto";
import type { Reason } from "../../ui/src/ipc/bindings/Reason.js";
import type { Verdict } from "../../ui/src/ipc/bindings/Verdict.js";
import { dayFromToday, Keys, Office, OWNER, RECEPTION, scan, standAtDesk, verdict } from "./desk.js";
import { catalogue, fit, seen, taste } from "./fit.js";
import { Gym } from "./gym.js";
import { Stream } from "./stream.js";

test.describe.configure({ mode: "serial" });

let gym: Gym;
test.afterAll(() => gym?.close());

test("the wizard, page by page, in both languages and both themes", async ({ page }) => {
  gym = await Gym.open();
  await taste(page, "en", "light");
  await page.goto(gym.url);
  const both = async (what: string) => {
    await fit(page, `${what}, en, light`);
    // The wizard lets the language be changed on every page, and keeps what was typed.
    await page.getByRole("button", { name: "Language" }).click();
    await page.getByRole("menuitemradio", { name: "العربية" }).click();
    await page.getByRole("button", { name: "فاتح أو داكن" }).click();
    await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
    await expect(page.locator("html")).toHaveAttribute("dir", "rtl");
    await fit(page, `${what}, ar, dark`);
    await page.getByRole("button", { name: "فاتح أو داكن" }).click();
    await page.getByRole("button", { name: "اللغة" }).click();
    await page.getByRole("menuitemradio", { name: "English" }).click();
    await expect(page.locator("html")).toHaveAttribute("dir", "ltr");
  };
  const next = page.locator("button[type='submit']");

  await next.click();
  await expect(page.getByText("This is needed.")).toBeVisible();
  await both("gym, with a field missing");
  await page.getByLabel("Name of the gym").fill("Nile Fitness");
  await next.click();
  await expect(page.getByLabel("Name of the branch")).toBeVisible();
  await both("branch");
  await next.click();
  await page.getByLabel("Your name").fill(OWNER.name);
  await page.getByLabel("E-mail").fill(OWNER.email);
  await page.getByRole("textbox", { name: "Password" }).fill("short");
  await next.click();
  await both("owner, with a weak password");
  await page.getByRole("textbox", { name: "Password" }).fill(OWNER.password);
  await page.getByLabel("PIN").fill(OWNER.pin);
  await next.click();
  await expect(page.getByRole("button", { name: "Create the gym" })).toBeFocused();
  await both("review");
  await next.click();
  await expect(page.getByRole("heading", { name: "First plan" })).toBeVisible();
  await both("plan");
  await page.getByRole("button", { name: "Later" }).click();
  await expect(page.getByRole("heading", { name: "First receptionist" })).toBeVisible();
  await both("receptionist");
  await page.getByRole("button", { name: "Later" }).click();
  await expect(page.getByRole("heading", { name: "Nile Fitness is ready" })).toBeVisible();
  await both("done");
  await page.locator("main button").click();
  await expect(page.getByRole("navigation", { name: "Screens" })).toBeVisible();
});

/** A gym with somebody for every verdict, and names that test the layout. */
test("a gym with all sorts of members is made", async ({ page }) => {
  const office = await Office.logIn(page, gym);
  const month = await office.plan("One month", 60_000);
  await office.plan("Ten visits, any time of the day, for the whole family", 45_050, {
    kind: "visit_pack", duration_count: 3, visits: 10,
  });
  await office.call("staff_create", {
    full_name: RECEPTION.name, username: RECEPTION.username, email: null, phone: null, roles: ["reception"],
    password: RECEPTION.password, pin: RECEPTION.pin,
  });
  const mona = await office.member("Mona Adel", {
    native_name: "منى عادل", phone: "01012345678", email: "mona@gym.example", birth_date: "1990-02-28", language: "ar",
  });
  await office.tookOver(mona.id, month.id, dayFromToday(-10), dayFromToday(20));
  await office.call("alias_add", { member_id: mona.id, code: "6221033100001" });
  await office.call("member_note_add", { id: randomUUID(), member_id: mona.id, body: "Locker key 14 is out", at_door: "remind" });
  for (const [kind, value] of [["height", 1715], ["weight", 72_400]] as const) {
    await office.call("measurement_add", { id: randomUUID(), member_id: mona.id, kind, value, measured_on: dayFromToday(0) });
  }
  const lapsed = await office.member("Sara Naguib");
  await office.sold(lapsed.id, month.id, dayFromToday(-45));
  await office.call("alias_add", { member_id: lapsed.id, code: "6221033100002" });
  const long = await office.member("Abdelrahman ".repeat(16).trim(), { native_name: "عبد الرحمن ".repeat(18).trim() });
  await office.tookOver(long.id, month.id, dayFromToday(-1), dayFromToday(0));
  await office.call("alias_add", { member_id: long.id, code: "6221033100003" });
  const blocked = await office.member("Karim Hosny");
  await office.call("alias_add", { member_id: blocked.id, code: "6221033100004" });
  await office.call("member_note_add", { id: randomUUID(), member_id: blocked.id, body: "Bring the medical certificate", at_door: "block" });
  await office.call("pass_issue", { id: randomUUID(), member_id: mona.id, replace: false });
});

for (const [language, theme] of seen) {
  const words = catalogue(language);
  const word = (key: string) => words[key] ?? key;

  test(`log-in and Reception, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await page.goto(gym.url);
    await expect(page.locator("input[type='password']")).toBeVisible();
    await fit(page, "log-in");
    await expect(page.locator("html")).toHaveAttribute("dir", language === "ar" ? "rtl" : "ltr");

    const office = await standAtDesk(page, gym);
    const dialog = page.getByRole("dialog");
    await fit(page, "Reception");
    for (const [code, kind] of [["6221033100001", "welcome or inside"], ["6221033100002", "ended"], ["6221033100003", "a long name"], ["6221033100004", "blocked"], ["6221033100009", "unknown"]] as const) {
      await scan(page, code);
      await expect(verdict(page)).toBeVisible();
      await fit(page, `verdict, ${kind}`);
      await page.keyboard.press("Escape");
      await expect(verdict(page)).toBeHidden();
    }
    // Two members share a number only where two branches share a database, so this verdict is made up.
    const { rows } = await office.call("member_list", { search: null, offset: 0, limit: 2 });
    const reasons: Reason[] = [{ kind: "ambiguous_number", member_ids: rows.map(({ id }) => id) }];
    const shared: Verdict = {
      scan_id: randomUUID(), at: new Date().toISOString(), source: "typed", outcome: "attention", reasons, member: null,
      subscription: null, notes: [], next_action: null, can_let_in: false, entry_id: null, repeated: false,
    };
    await page.route("**/rpc/check_in", (route) => route.fulfill({ json: shared }), { times: 1 });
    await scan(page, "6221033100005");
    await expect(verdict(page).getByRole("listitem").getByRole("button").first()).toBeFocused();
    await fit(page, "verdict, a shared number");
    await page.keyboard.press("Enter");
    await expect(verdict(page).getByRole("heading")).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(verdict(page)).toBeHidden();

    await page.getByRole("combobox").fill("mo");
    await expect(page.getByRole("option").first()).toBeVisible();
    await fit(page, "box, found");
    await page.getByRole("combobox").fill("qwqwqw");
    await expect(page.getByText("qwqwqw", { exact: false }).first()).toBeVisible();
    await fit(page, "box, nothing found");
    await page.keyboard.press("Escape");

    await page.keyboard.press("F2");
    await page.getByRole("combobox").blur();
    await scan(page, "6221033100004");
    await expect(verdict(page)).toContainText("Bring the medical certificate");
    await page.keyboard.press("F8");
    await expect(page.getByRole("dialog").getByRole("textbox")).toBeFocused();
    await fit(page, "let in once");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: word("camera"), exact: true }).click();
    await expect(dialog.getByRole("radiogroup")).toBeVisible();
    await fit(page, "camera chooser, no camera");
    const easel = await page.context().newPage();
    const painted = async (html: string) => {
      await easel.setContent(html);
      return easel.screenshot({ type: "jpeg", quality: 90 });
    };
    const stream = await Stream.open(await painted(`<p style="font:bold 3rem monospace">${"Gatehouse ".repeat(80)}`));
    await office.call("desk_choose_source", { source: stream.url });
    await expect(dialog.getByRole("meter")).toHaveCount(2);
    await expect(dialog.getByText(word("camera_meter_good"))).toHaveCount(2);
    await fit(page, "camera chooser, a good picture");
    stream.picture = await painted(`<body style="background: #111">`);
    await expect(dialog.getByText(word("camera_meter_dark"))).toBeVisible();
    await fit(page, "camera chooser, a dark picture");
    await page.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
    await fit(page, "Reception, with a camera");
    await office.call("desk_choose_source", { source: null });
    stream.close();
    await easel.close();
    await expect(page.getByRole("dialog")).toBeHidden();
    await new Keys(page).press("Shift+?");
    await expect(page.getByRole("dialog")).toBeVisible();
    await fit(page, "keys");
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toBeHidden();
    await page.getByRole("button", { name: word("inside_now") }).click();
    await expect(page.getByRole("dialog").getByText("Mona Adel")).toBeVisible();
    await fit(page, "who is inside");
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toBeHidden();

    await page.locator("button.person").click();
    await page.getByRole("menuitem", { name: word("who_switch") }).click();
    await expect(page.getByRole("dialog").locator("input")).toBeFocused();
    await fit(page, "who is at the desk");
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toBeHidden();
    await page.keyboard.press("Control+l");
    await expect(page.getByRole("heading", { name: word("locked_title") })).toBeVisible();
    await fit(page, "locked");
  });

  test(`members, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    const dialog = page.getByRole("dialog");
    const closed = async () => {
      await page.keyboard.press("Escape");
      await expect(dialog).toBeHidden();
    };
    await page.keyboard.press("Control+2");
    await expect(page.getByRole("option").first()).toBeVisible();
    await fit(page, "list, nobody chosen");
    await page.getByRole("combobox").fill("abdel");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("tab").first()).toBeVisible();
    await fit(page, "a long name");
    await page.getByRole("combobox").fill("mona");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { name: /Mona Adel/ })).toBeVisible();
    const tabs = page.getByRole("tab");
    for (let index = 0; index < (await tabs.count()); index++) {
      await tabs.nth(index).click();
      await expect(page.getByRole("tabpanel")).toBeVisible();
      await fit(page, `tab ${index + 1}`);
    }

    await page.keyboard.press("F4");
    await expect(dialog.getByRole("listbox")).toBeFocused();
    await fit(page, "selling");
    await dialog.getByLabel(word("pay_tendered")).fill("1000");
    await fit(page, "selling, with change");
    await page.keyboard.press("t");
    await closed();
    await page.keyboard.press("F6");
    await expect(dialog.getByRole("textbox").first()).toBeFocused();
    await dialog.getByRole("button", { expanded: false }).click();
    await page.keyboard.press("Control+Enter");
    await expect(dialog.locator("[aria-invalid='true']").first()).toBeVisible();
    await fit(page, "registering");
    await closed();

    await tabs.first().click();
    await page.getByRole("button", { name: word("take_over") }).click();
    await expect(dialog).toBeVisible();
    await fit(page, "taking over");
    await closed();
    await page.getByRole("button", { name: word("photo_change") }).click();
    await expect(dialog).toBeVisible();
    await fit(page, "photo");
    await closed();
    await page.getByRole("button", { name: word("member_suspend") }).click();
    await expect(dialog).toBeVisible();
    await fit(page, "suspending");
    await closed();
    await page.getByRole("tab", { name: word("tab_passes") }).click();
    await page.getByRole("button", { name: word("pass_print") }).first().click();
    await expect(dialog.getByRole("img")).toBeVisible();
    await fit(page, "card");
    await closed();
    await page.getByRole("button", { name: word("pass_reissue") }).click();
    await expect(dialog).toBeVisible();
    await fit(page, "new card");
    await closed();
    await page.getByRole("button", { name: word("pass_revoke") }).first().click();
    await expect(dialog).toBeVisible();
    await page.keyboard.press("Control+Enter");
    await fit(page, "revoking");
    await closed();
  });

  test(`selling, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    const office = await standAtDesk(page, gym);
    await office.member(`Dina Raouf ${language} ${theme}`);
    await page.keyboard.press("Control+2");
    await page.getByRole("combobox").fill(`dina raouf ${language} ${theme}`);
    await page.keyboard.press("Enter");
    await expect(page.getByText(word("subscriptions_empty"))).toBeVisible();
    await fit(page, "nothing sold yet");
    await page.keyboard.press("F4");
    const dialog = page.getByRole("dialog");
    await expect(dialog.getByRole("listbox")).toBeFocused();
    await dialog.getByLabel(word("pay_tendered")).fill("1000");
    await page.keyboard.press("Enter");
    await expect(dialog.getByText(word("sell_hand_back"))).toBeVisible();
    await fit(page, "change to hand back");
    await page.keyboard.press("Enter");
    await expect(dialog).toBeHidden();
    await page.getByRole("button", { name: new RegExp(`^${word("void_sale")}`) }).click();
    await expect(dialog).toBeVisible();
    await fit(page, "voiding");
    await dialog.getByRole("textbox").fill("Wrong member");
    await page.keyboard.press("Enter");
    await expect(dialog).toBeHidden();
    await fit(page, "voided");
  });

  test(`settings, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    const dialog = page.getByRole("dialog");
    await page.getByRole("button", { name: word("view_settings"), exact: true }).click();
    const sections = page.locator(".settings nav button");
    await expect(sections.nth(9)).toBeVisible();
    const every = await sections.count();
    for (let index = 0; index < every; index++) {
      await sections.nth(index).click();
      await expect(sections.nth(index)).toHaveAttribute("aria-current", "page");
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await fit(page, `section ${index + 1}`);
    }
    for (const [section, add, row] of [["settings_plans", "plan_new", "One month"], ["settings_staff", "staff_new", RECEPTION.name]] as const) {
      await sections.filter({ hasText: word(section) }).click();
      await page.getByRole("button", { name: word(add) }).click();
      await expect(dialog.getByRole("textbox").first()).toBeFocused();
      await page.keyboard.press("Control+Enter");
      await expect(dialog.locator("[aria-invalid='true']").first()).toBeVisible();
      await fit(page, `${section}, new`);
      await page.keyboard.press("Escape");
      await expect(dialog).toBeHidden();
      await page.getByRole("row", { name: new RegExp(row) }).click();
      await expect(dialog).toBeVisible();
      await fit(page, `${section}, open`);
      await page.keyboard.press("Escape");
      await expect(dialog).toBeHidden();
    }
  });
}

test("Arabic mirrors the screen and counts by its own rules", async ({ page }) => {
  await taste(page, "ar", "light");
  const office = await standAtDesk(page, gym);
  await expect(page.locator("html")).toHaveAttribute("lang", "ar");
  const [stage, box] = await Promise.all([
    page.locator("section.stage").boundingBox(),
    page.getByRole("combobox").boundingBox(),
  ]);
  expect(stage!.x).toBeGreaterThan(box!.x);
  const { total } = await office.call("member_list", { search: null, offset: 0, limit: 1 });
  expect(total).toBeGreaterThanOrEqual(3);
  await page.keyboard.press("Control+2");
  await expect(page.getByText(`${total} أعضاء`, { exact: true })).toBeVisible();
});
