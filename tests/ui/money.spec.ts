import { expect, test, type Page } from "@playwright/test";
import { dayFromToday, Keys, Office, standAtDesk, verdict } from "./desk.js";
import { Gym } from "./gym.js";

test.describe.configure({ mode: "serial" });

let gym: Gym;
let month: string;
let quarter: string;

test.beforeAll(async ({ browser }) => {
  gym = await Gym.open();
  const page = await browser.newPage();
  const office = await Office.setUp(page, gym);
  month = (await office.plan("One month", 60_000, { freeze_days: 14, freeze_times: 2, notice_days: 10 })).id;
  quarter = (await office.plan("Three months", 150_000, { duration_count: 3 })).id;
  await office.plan("Ten visits", 45_000, { kind: "visit_pack", duration_count: 3, visits: 10 });
  const lapsed = await office.member("Sara Naguib");
  await office.sold(lapsed.id, month, dayFromToday(-45));
  for (const name of ["Mona Adel", "Karim Hosny", "Hany Lotfy", "Laila Fathy"]) {
    const { id } = await office.member(name);
    await office.sold(id, month, dayFromToday(0));
  }
  await office.member("Omar Farouk");
  await page.close();
});
test.afterAll(() => gym?.close());

async function open(page: Page, name: string) {
  await page.keyboard.press("Control+2");
  await page.getByRole("combobox", { name: "Search members" }).fill(name);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name })).toBeVisible();
}

async function choose(page: Page, act: string) {
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await page.getByRole("menuitem", { name: act }).click();
  return page.getByRole("dialog", { name: act });
}

test("from the verdict a renewal in cash is two keys, and by card the slip's number on top", async ({ page }) => {
  await standAtDesk(page, gym);
  await new Keys(page).type("sara");
  await expect(page.getByRole("option", { name: /Sara Naguib/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(verdict(page).getByRole("button", { name: /Renew One month: EGP 600/ })).toBeVisible();

  const keys = new Keys(page);
  await keys.press("F4");
  const dialog = page.getByRole("dialog", { name: "Sell to Sara Naguib" });
  await expect(dialog.getByRole("button", { name: /Take EGP 600 in cash/ })).toBeEnabled();
  await expect(dialog.getByRole("listbox")).toBeFocused();
  // By card it is one key more, and the focus waits where the number goes. Nothing is sold without it.
  await keys.press("t");
  await expect(dialog.getByLabel("Slip number")).toBeFocused();
  await keys.press("Enter");
  await expect(dialog.getByText("This is needed.")).toBeVisible();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("c");
  await expect(dialog.getByRole("button", { name: /Take EGP 600 in cash/ })).toBeEnabled();
  await dialog.getByRole("listbox").focus();
  await keys.press("Enter");
  await expect(dialog).toBeHidden();
  expect(keys.pressed).toBeLessThanOrEqual(5);
});

test("a renewal, a plan and a voucher are one sale, paid in three ways with change", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  await open(page, "Omar Farouk");
  await page.keyboard.press("F4");
  const dialog = page.getByRole("dialog", { name: "Sell to Omar Farouk" });
  await expect(dialog.getByRole("listbox")).toBeFocused();
  // The first thing stays, the second is added, then a gift voucher.
  // As fast as a person: a quicker burst is a scanner's.
  for (const key of ["+", "ArrowDown", "+", "End", "+"]) await page.keyboard.press(key, { delay: 60 });
  await dialog.getByLabel("Worth").fill("250");
  await expect(dialog.getByText("EGP 1,300", { exact: true })).toBeVisible();

  await dialog.getByRole("button", { name: /One more way/ }).click();
  await dialog.getByRole("button", { name: /One more way/ }).click();
  const part = (number: number) => dialog.getByRole("group", { name: `Payment ${number}` });
  await part(1).getByLabel("Amount").fill("700");
  await part(1).getByLabel("Cash received").fill("800");
  await part(2).getByLabel("Amount").fill("350");
  await part(2).getByLabel("Slip number").fill("000077");
  await part(3).getByLabel("Way").selectOption("Transfer");
  await expect(part(3).getByText("The rest: EGP 250")).toBeVisible();
  await part(3).getByLabel("Reference of the transfer").fill("TR-9");
  await page.keyboard.press("Enter");
  await expect(dialog.getByText("EGP 100", { exact: true })).toBeVisible();
  await expect(dialog.getByText(/whoever has it can pay with it/)).toBeVisible();
  await expect(dialog.getByRole("button", { name: /Done/ })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();

  const { rows } = await office.call("member_list", { search: "omar", offset: 0, limit: 1 });
  const sold = await office.call("member_subscriptions", { member_id: rows[0]!.id });
  expect(sold.rows).toHaveLength(2);
  expect(new Set(sold.rows.map((one) => one.events[0]?.transaction_id)).size).toBe(1);
});

test("what is not paid stays owed until a day, and the next sale says so", async ({ page }) => {
  await standAtDesk(page, gym);
  await open(page, "Hany Lotfy");
  await page.keyboard.press("F4");
  const dialog = page.getByRole("dialog", { name: "Sell to Hany Lotfy" });
  await expect(dialog.getByRole("listbox")).toBeFocused();
  await page.keyboard.press("o");
  await dialog.getByLabel("Paid now").fill("200");
  await dialog.getByLabel(/owed until/).fill(dayFromToday(5));
  await expect(dialog.getByText("EGP 400 owed until")).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  await page.keyboard.press("F4");
  await expect(dialog.getByText("Already owes EGP 400.")).toBeVisible();
  await page.keyboard.press("Escape");
});

test("a freeze is shown before it is done, stops at the door, and ends from there with two keys", async ({ page }) => {
  await standAtDesk(page, gym);
  await open(page, "Mona Adel");
  const dialog = await choose(page, "Freeze");
  await dialog.getByLabel(/^Days/).fill("5");
  const row = (name: string) => dialog.getByRole("row", { name: new RegExp(`^${name}`) });
  await expect(row("Freeze days left")).toContainText(/14.*9/);
  await expect(row("Status")).toContainText(/Active.*Frozen/);
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  await expect(page.getByText(/^Frozen from/)).toBeVisible();

  await page.keyboard.press("Control+1");
  await new Keys(page).type("mona");
  await expect(page.getByRole("option", { name: /Mona Adel/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(verdict(page)).toContainText("Frozen until");
  await expect(verdict(page).getByRole("button", { name: /End the freeze/ })).toBeVisible();
  const keys = new Keys(page);
  await keys.press("F4");
  const thaw = page.getByRole("dialog", { name: "End the freeze" });
  await expect(thaw.getByRole("row", { name: /^Status/ })).toContainText(/Frozen.*Active/);
  await expect(thaw.getByRole("button", { name: /End the freeze/ })).toBeEnabled();
  await keys.press("Enter");
  await expect(thaw).toBeHidden();
  expect(keys.pressed).toBe(2);

  await new Keys(page).type("mona");
  await expect(page.getByRole("option", { name: /Mona Adel/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(verdict(page)).toContainText("Welcome");
});

test("cancelling at once says which terms it breaks, wants a reason, and can be taken back", async ({ page }) => {
  await standAtDesk(page, gym);
  await open(page, "Laila Fathy");
  const dialog = await choose(page, "Cancel the subscription");
  await dialog.getByLabel("When").selectOption("At once");
  await expect(dialog.getByText("The notice is not kept.")).toBeVisible();
  await dialog.getByRole("button", { name: /Cancel the subscription/ }).click();
  await expect(dialog.getByText("Say why.")).toBeVisible();
  await dialog.getByLabel("Reason").fill("Moves away");
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  await expect(page.getByText(/^Cancelled: last day/)).toBeVisible();
  await page.getByText("History").first().click();
  await expect(page.getByText("Moves away")).toBeVisible();

  await page.getByRole("button", { name: "Take the cancellation back" }).click();
  const back = page.getByRole("dialog", { name: "Take the cancellation back" });
  await expect(back.getByRole("row", { name: /^Status/ })).toContainText(/Cancelled.*Active/);
  await expect(back.getByRole("button", { name: /Take the cancellation back/ })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(back).toBeHidden();
  await expect(page.getByText(/Active until/)).toBeVisible();
});

test("another plan: the unused part is deducted, the rest is paid by card, and the old one says what replaced it", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  await open(page, "Karim Hosny");
  const dialog = await choose(page, "Change the plan");
  await dialog.getByLabel("New plan").selectOption({ value: quarter });
  await dialog.getByLabel("End").selectOption("Begin anew");
  await expect(dialog.getByText("EGP 900.00")).toBeVisible();
  await dialog.getByRole("radio", { name: /Card/ }).check();
  await dialog.getByLabel("Slip number").fill("000123");
  await expect(dialog.getByRole("button", { name: /Paid EGP 900 by card/ })).toBeEnabled();
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("heading", { name: "Three months" })).toBeVisible();
  const { rows } = await office.call("member_list", { search: "karim", offset: 0, limit: 1 });
  const all = await office.call("member_subscriptions", { member_id: rows[0]!.id });
  expect(all.rows.map((one) => one.plan_name).toSorted()).toEqual(["One month", "Three months"]);
  expect(all.rows.find((one) => one.plan_id === quarter)?.predecessor_id).toBe(all.rows.find((one) => one.plan_id === month)?.id);
});

test("what is left goes to another member, found by name", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  const heir = await office.member("Youssef Amin");
  await open(page, "Laila Fathy");
  const dialog = await choose(page, "Transfer to another member");
  await dialog.getByRole("combobox").pressSequentially("youssef", { delay: 60 });
  await expect(dialog.getByRole("option", { name: /Youssef Amin/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(dialog.getByRole("columnheader", { name: "The one that goes on" })).toBeVisible();
  await dialog.getByRole("button", { name: /Transfer to another member/ }).click();
  await expect(dialog).toBeHidden();
  const { rows } = await office.call("member_subscriptions", { member_id: heir.id });
  expect(rows.map((one) => one.status)).toEqual(["active"]);
});

test("how a subscription stood on a past day is one date away", async ({ page }) => {
  await standAtDesk(page, gym);
  await open(page, "Sara Naguib");
  await page.getByLabel("As on a day").fill(dayFromToday(-1));
  await expect(page.locator(".then").first()).toContainText("This was not sold yet.");
  await page.getByLabel("As on a day").fill(dayFromToday(0));
  await expect(page.getByText(/^On /).first()).toBeVisible();
  await expect(page.locator(".then").first()).toContainText("Status");
});

test("a debt is taken at the door with two keys, and a payment is given back with what it bought", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  const debtor = await office.member("Dina Raouf");
  await office.sold(debtor.id, month, dayFromToday(0), { payments: [], owe_until: dayFromToday(0) });
  // The door asks for a debt from the day after; this verdict is of that day.
  await page.route("**/rpc/check_in", async (route) => {
    const verdict = await (await route.fetch()).json();
    const owed = { minor: 60_000, currency: "EGP" };
    await route.fulfill({
      json: { ...verdict, outcome: "refused", reasons: [{ kind: "debt", owed }], next_action: { kind: "pay", member_id: debtor.id, owed } },
    });
  }, { times: 1 });
  await new Keys(page).type("dina");
  await expect(page.getByRole("option", { name: /Dina Raouf/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(verdict(page).getByRole("button", { name: /Pay what is owed: EGP 600/ })).toBeVisible();
  const keys = new Keys(page);
  await keys.press("F4");
  const dialog = page.getByRole("dialog", { name: "Dina Raouf pays" });
  await expect(dialog.getByRole("button", { name: /Take EGP 600 in cash/ })).toBeFocused();
  await keys.press("Enter");
  await expect(dialog).toBeHidden();
  expect(keys.pressed).toBe(2);
  expect((await office.call("debts", { member_id: debtor.id })).owed.minor).toBe(0);

  await open(page, "Dina Raouf");
  await page.getByRole("tab", { name: "Money" }).click();
  await page.getByRole("button", { name: "Pay back" }).click();
  const back = page.getByRole("dialog", { name: "Pay money back" });
  await expect(back.getByRole("row", { name: /^Status/ })).toContainText(/Active.*Cancelled/);
  await back.getByRole("button", { name: /Pay EGP 600 back/ }).click();
  await expect(back.getByText("Say why.")).toBeVisible();
  await back.getByLabel("Reason").fill("Sold twice");
  await page.keyboard.press("Enter");
  await expect(back).toBeHidden();
  await expect(page.getByText("Hand back EGP 600.")).toBeVisible();
  await expect(page.getByText("Paid back", { exact: true })).toBeVisible();
});

test("a household pays together, and a debt can be given up", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  const payer = await office.member("Samir Lotfy");
  const child = await office.member("Nour Lotfy");
  await open(page, "Samir Lotfy");
  await page.getByRole("tab", { name: "Money" }).click();
  await page.getByRole("button", { name: "Begin a household" }).click();
  const dialog = page.getByRole("dialog", { name: "Begin a household" });
  await dialog.getByLabel(/^Name of the household/).fill("Lotfy");
  await dialog.getByRole("combobox", { name: "Add a member" }).pressSequentially("nour", { delay: 60 });
  await expect(dialog.getByRole("option", { name: /Nour Lotfy/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Control+Enter");
  await expect(dialog).toBeHidden();
  await expect(page.getByText("The household is saved.")).toBeVisible();

  await office.sold(child.id, month, dayFromToday(0), { payments: [], owe_until: dayFromToday(0) });
  expect((await office.call("debts", { member_id: payer.id })).owed.minor).toBe(60_000);
  await open(page, "Nour Lotfy");
  await page.getByRole("tab", { name: "Money" }).click();
  await expect(page.getByText("Samir Lotfy pays for the household.")).toBeVisible();
  await page.getByRole("button", { name: "Write off" }).click();
  const off = page.getByRole("dialog", { name: "Write this debt off?" });
  await off.getByLabel("Amount").fill("100");
  await off.getByLabel("Reason").fill("Goodwill");
  await page.keyboard.press("Enter");
  await expect(off).toBeHidden();
  await expect(page.getByText("Written off; EGP 500 stays owed.")).toBeVisible();
});
