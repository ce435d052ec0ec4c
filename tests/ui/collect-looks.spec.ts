import { expect, test, type Page } from "@playwright/test";
import { randomUUID } from "node:crypto";
import { dayFromToday, Office, standAtDesk } from "./desk.js";
import { catalogue, fit, seen, taste } from "./fit.js";
import { Gym } from "./gym.js";

/** Where people pay by UPI. */
const ZONE = "Asia/Kolkata";

let gym: Gym;
test.afterAll(() => gym?.close());

/** Payments in every state that a desk meets, and settings half done. */
test.beforeAll(async ({ browser }) => {
  gym = await Gym.open();
  const page = await browser.newPage();
  const office = await Office.setUp(page, gym, { currency: "INR", default_country: "IN", time_zone: ZONE });
  const month = await office.plan("One month", 149_950);
  await office.call("gateway_settings_set", {
    enabled: true, settings: { kind: "upi", address: "ironhouse@okhdfcbank", name: "Iron House", merchant_code: null }, keys: {},
  });
  await office.call("gateway_settings_set", {
    enabled: true, keys: {},
    settings: { kind: "bank_transfer", instructions: "State Bank of India\nIron House\nSBIN0001234, 30112233445" },
  });
  await office.call("gateway_settings_set", {
    enabled: false, keys: { secret_key: "egy_sk_test_0123456789", api_key: "a-long-api-key", hmac_secret: "0123456789ABCDEF" },
    settings: { kind: "paymob", base_url: "https://accept.paymob.com", public_key: "egy_pk_test_1", integrations: [4097558], moto_integration: null, notify_url: null },
  });
  const ask = async (name: string, method: "upi" | "bank_transfer", minor = 149_950) => {
    const member = await office.member(name, { phone: "9876500001" });
    await office.sold(member.id, month.id, dayFromToday(0, ZONE), { payments: [], owe_until: dayFromToday(0, ZONE) });
    const { rows } = await office.call("debts", { member_id: member.id });
    return office.call("payment_request", {
      idempotency_key: randomUUID(), method, payer_id: member.id, charge_ids: rows.map((row) => row.charge_id),
      amount: { minor, currency: "INR" }, keep_method: false,
    });
  };
  await ask("Mona Adel", "upi");
  const claimed = await ask("Hany Lotfy", "bank_transfer", 50_000);
  await office.call("payment_request_claim", { request_id: claimed.id, reference: "FT26/0042" });
  const over = await ask("Priya Raghunathan-Venkatasubramaniam", "upi");
  await office.call("payment_request_cancel", { request_id: over.id, reason: "Pays in cash" });
  const paid = await ask("Karim Hosny", "upi");
  await office.call("payment_request_confirm", { request_id: paid.id, reference: "123456789012" });
  await office.member("Sara Naguib");
  await page.close();
});

/** A debt gets old by itself only; here it is so already. */
async function ageDebts(page: Page) {
  await page.route("**/rpc/receivables", async (route) => {
    const found = await (await route.fetch()).json();
    const old = ["days_over_90", "days_1_30", "not_due"];
    for (const [at, row] of found.rows.entries()) {
      const age = old[at % old.length] ?? "not_due";
      row.oldest_due_on = dayFromToday(age === "days_over_90" ? -131 : age === "days_1_30" ? -1 : 0, ZONE);
      const owed = row.ageing.owed;
      row.ageing = { ...row.ageing, not_due: 0, [age]: owed };
      found.total = { ...found.total, not_due: found.total.not_due - owed };
      found.total[age] += owed;
    }
    await route.fulfill({ json: found });
  });
}

for (const [language, theme] of seen) {
  const words = catalogue(language);
  const word = (key: string) => words[key] ?? key;
  const begins = (key: string) => new RegExp(`^${word(key).split("{")[0]}`);
  const screen = (page: Page, key: string) =>
    page.getByRole("navigation").getByRole("button", { name: word(key), exact: true }).click();

  test(`money to come, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await ageDebts(page);
    await page.addInitScript(() => (window.print = () => {}));
    await standAtDesk(page, gym);
    await screen(page, "view_money");
    await expect(page.getByRole("row", { name: /Mona Adel/ })).toBeVisible();
    await fit(page, "receivables");
    await page.getByRole("button", { name: word("print"), exact: true }).click();
    await page.emulateMedia({ media: "print" });
    await expect(page.locator(".print-page h1")).toHaveText(word("money_receivables"));
    await expect(page.getByRole("navigation")).toBeHidden();
    if (process.env["PICTURES"]) await page.screenshot({ path: `${process.env["PICTURES"]}/${test.info().title} - on paper.png` });
    await page.emulateMedia({ media: null });
    await page.getByRole("group", { name: word("ageing") }).getByRole("button", { name: begins("age_61_90") }).click();
    await expect(page.getByText(word("receivables_none_of_age"))).toBeVisible();
    await fit(page, "receivables, none of an age");
    await page.getByRole("tab", { name: word("money_requests") }).click();
    await page.getByLabel(word("requests_with_closed")).check();
    await expect(page.getByRole("row", { name: /Karim Hosny/ })).toBeVisible();
    await fit(page, "payments under way");
    const dialog = page.getByRole("dialog");
    for (const name of ["Mona Adel", "Hany Lotfy", "Karim Hosny"]) {
      await page.getByRole("row", { name: new RegExp(name) }).click();
      await expect(dialog).toBeVisible();
      await fit(page, `request of ${name}`);
      await page.keyboard.press("Escape");
      await expect(dialog).toBeHidden();
    }
  });

  test(`asked for in a sale, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    await screen(page, "view_members");
    await page.getByRole("combobox").fill("sara");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { name: /Sara Naguib/ })).toBeVisible();
    await page.keyboard.press("F4");
    const dialog = page.getByRole("dialog");
    await expect(dialog.getByRole("listbox")).toBeFocused();
    await page.keyboard.press("u");
    await expect(dialog.getByText(word("ask_upi_hint"))).toBeVisible();
    await fit(page, "sale by UPI");
    await page.keyboard.press("Enter");
    await expect(dialog.getByRole("img")).toBeVisible();
    await fit(page, "sale waits for UPI");
    await dialog.getByRole("button", { name: begins("request_give_up") }).click();
    await page.getByRole("dialog").last().getByRole("textbox").fill("-");
    await page.keyboard.press("Enter");
    await expect(dialog.getByRole("listbox")).toBeVisible();
    await page.keyboard.press("Escape");
  });

  test(`gateways, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    await screen(page, "view_settings");
    await page.getByRole("button", { name: word("settings_money") }).click();
    const section = page.getByRole("region", { name: word("gateways"), exact: true });
    await section.scrollIntoViewIfNeeded();
    await expect(section.getByText("ironhouse@okhdfcbank")).toBeVisible();
    await fit(page, "gateways");
    await section.getByRole("button", { name: /UPI/ }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
    await fit(page, "gateway, UPI");
    await page.keyboard.press("Escape");
    await section.getByRole("button", { name: /Paymob/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: new RegExp(word("gateway_key_api_key")) }).click();
    await fit(page, "gateway, Paymob");
    await page.keyboard.press("Escape");
  });
}
