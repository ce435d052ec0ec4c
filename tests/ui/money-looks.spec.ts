import { expect, test } from "@playwright/test";
import { randomUUID } from "node:crypto";
import { dayFromToday, Office, scan, standAtDesk, verdict } from "./desk.js";
import { catalogue, fit, seen, taste } from "./fit.js";
import { Gym } from "./gym.js";

let gym: Gym;
test.afterAll(() => gym?.close());

/** Somebody for every state that money and a subscription can be in. */
test.beforeAll(async ({ browser }) => {
  gym = await Gym.open();
  const page = await browser.newPage();
  const office = await Office.setUp(page, gym);
  const month = await office.plan("One month", 60_000, { freeze_days: 14, freeze_times: 2, notice_days: 10, minimum_term_days: 30 });
  await office.plan("Three months, any time of the day, for the whole family", 150_050, { duration_count: 3 });
  await office.plan("Ten visits", 45_000, { kind: "visit_pack", duration_count: 3, visits: 10 });
  const settings = await office.call("money_settings_get", null);
  await office.call("money_settings_set", { ...settings, cash_rounding_minor: 25, debt_blocks_from: 1, debt_grace_days: 0 });

  const mona = await office.member("Mona Adel", { native_name: "منى عادل", language: "ar" });
  await office.sold(mona.id, month.id, dayFromToday(-40));
  const current = await office.sold(mona.id, month.id, dayFromToday(-5));
  const frozen = current.subscriptions[0]!.subscription_id;
  await office.act({ subscription_id: frozen, act: "freeze", from: dayFromToday(2), days: 5 }, "Travels");
  const lapsed = await office.member("Sara Naguib");
  await office.sold(lapsed.id, month.id, dayFromToday(-45));

  const ice = await office.member("Karim Hosny");
  const still = await office.sold(ice.id, month.id, dayFromToday(-5));
  await office.act({ subscription_id: still.subscriptions[0]!.subscription_id, act: "freeze", from: null, days: 5 }, null);
  await office.call("alias_add", { member_id: ice.id, code: "6221033100011" });

  const debtor = await office.member("Hany Lotfy");
  await office.sold(debtor.id, month.id, dayFromToday(0), { owe_until: dayFromToday(0), payments: [] });
  const child = await office.member("Laila Lotfy");
  await office.call("household_set", {
    id: randomUUID(), name: "Lotfy",
    members: [
      { member_id: debtor.id, relation: "payer", guardian_id: null },
      { member_id: child.id, relation: "dependent", guardian_id: null },
    ],
  });
  await office.sold(child.id, month.id, dayFromToday(0));
  await office.call("alias_add", { member_id: debtor.id, code: "6221033100012" });
  await page.close();
});

for (const [language, theme] of seen) {
  const words = catalogue(language);
  const word = (key: string) => words[key] ?? key;
  const begins = (key: string) => new RegExp(`^${word(key).split("{")[0]}`);

  test(`money at the door, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    await scan(page, "6221033100011");
    await expect(verdict(page).getByRole("button", { name: begins("act_thaw") })).toBeVisible();
    await fit(page, "verdict, frozen");
    await page.keyboard.press("F4");
    const dialog = page.getByRole("dialog");
    await expect(dialog.getByRole("table")).toBeVisible();
    await fit(page, "thawing");
    await page.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
    await page.keyboard.press("Escape");
  });

  test(`selling several things, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    await page.keyboard.press("Control+2");
    await page.getByRole("combobox").fill("sara");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { name: /Sara Naguib/ })).toBeVisible();
    await page.keyboard.press("F4");
    const dialog = page.getByRole("dialog");
    await expect(dialog.getByRole("listbox")).toBeFocused();
    await expect(dialog.getByRole("radio").first()).toBeVisible();
    await fit(page, "renewing");
    await page.keyboard.press("t");
    await expect(dialog.getByLabel(word("pay_reference"))).toBeFocused();
    await page.keyboard.press("Enter");
    await expect(dialog.locator("[aria-invalid='true']")).toBeVisible();
    await fit(page, "by card, without the number");
    await dialog.getByRole("listbox").focus();
    for (const key of ["+", "End", "+"]) await page.keyboard.press(key, { delay: 60 });
    await dialog.getByLabel(word("sell_voucher_amount")).fill("250.10");
    await expect(dialog.getByRole("radio").first()).toBeVisible();
    await fit(page, "a renewal and a voucher");
    await dialog.getByRole("button", { name: begins("pay_split") }).click();
    await dialog.getByRole("group").last().getByLabel(word("pay_amount")).fill("900");
    await fit(page, "paid in two ways, too much");
    await dialog.getByRole("group").last().getByLabel(word("pay_amount")).fill("300.10");
    await dialog.getByRole("checkbox", { name: begins("pay_owe") }).check();
    await fit(page, "a part later");
    await page.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
  });

  test(`the life of a subscription, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    const dialog = page.getByRole("dialog");
    await page.keyboard.press("Control+2");
    await page.getByRole("combobox").fill("mona");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { name: /Mona Adel/ })).toBeVisible();
    await page.locator("summary").first().click();
    await fit(page, "cards");
    await page.getByLabel(word("as_on_label")).fill(dayFromToday(0));
    await expect(page.locator(".then dl").first()).toBeVisible();
    await fit(page, "as on a day");
    const menu = page.getByRole("button", { name: word("subscription_change"), exact: true }).first();
    for (const act of ["do_gift", "do_change", "do_transfer", "do_auto_renew_on", "do_cancel"]) {
      await menu.click();
      await page.getByRole("menuitem", { name: word(act), exact: true }).click();
      await expect(dialog).toBeVisible();
      if (act === "do_cancel") {
        await dialog.getByLabel(word("cancel_when")).selectOption("now");
        await expect(dialog.getByText(word("warning_notice"))).toBeVisible();
        await dialog.locator("button[type='submit']").click();
        await expect(dialog.locator("[aria-invalid='true']")).toBeVisible();
      } else if (act === "do_change") {
        const longer = await dialog.getByRole("option", { name: /^Three months/ }).getAttribute("value");
        await dialog.getByLabel(word("change_to")).selectOption(longer);
        await dialog.getByLabel(word("change_end")).selectOption("anew");
        await expect(dialog.getByRole("radio").first()).toBeVisible();
      } else if (act === "do_transfer") {
        await dialog.getByRole("combobox").fill("sara");
        await expect(dialog.getByRole("option").first()).toBeVisible();
        await fit(page, "do_transfer, found");
        await page.keyboard.press("Enter");
        await expect(dialog.getByRole("table")).toBeVisible();
      } else await expect(dialog.getByRole("table")).toBeVisible();
      await fit(page, act);
      await page.keyboard.press("Escape");
      await expect(dialog).toBeHidden();
    }
  });

  test(`what is owed and paid, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    const dialog = page.getByRole("dialog");
    await page.keyboard.press("Control+2");
    await page.getByRole("combobox").fill("hany");
    await page.keyboard.press("Enter");
    await page.getByRole("tab", { name: word("tab_money") }).click();
    await expect(page.getByRole("row").nth(3)).toBeVisible();
    await fit(page, "money");
    await page.getByRole("button", { name: word("pay_debts") }).click();
    await expect(dialog.getByRole("checkbox").first()).toBeVisible();
    await fit(page, "paying what is owed");
    await dialog.getByLabel(word("debts_amount"), { exact: true }).fill("900");
    await expect(dialog.getByText(word("debts_in_advance").split("{amount}")[1]?.trim() ?? "")).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
    await page.getByRole("button", { name: word("write_off") }).first().click();
    await expect(dialog).toBeVisible();
    await fit(page, "writing off");
    await page.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
    await page.getByRole("button", { name: word("refund"), exact: true }).first().click();
    await expect(dialog.getByRole("table")).toBeVisible();
    await fit(page, "paying back");
    await page.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
    await page.getByRole("button", { name: word("household_edit") }).click();
    await expect(dialog).toBeVisible();
    await fit(page, "household");
    await page.keyboard.press("Escape");
  });
}
