import { expect, test } from "@playwright/test";
import { dayFromToday, feed, Keys, Office, scan, standAtDesk, verdict } from "./desk.js";
import { Gym } from "./gym.js";

test.describe.configure({ mode: "serial" });

let gym: Gym;

test.beforeAll(async ({ browser }) => {
  gym = await Gym.open();
  const page = await browser.newPage();
  const office = await Office.setUp(page, gym);
  const month = await office.plan("One month", 60_000);
  await office.plan("Ten visits", 45_000, { kind: "visit_pack", duration_count: 3, visits: 10 });
  await office.member("Omar Farouk");
  const lapsed = await office.member("Sara Naguib", { native_name: "سارة نجيب" });
  await office.sold(lapsed.id, month.id, dayFromToday(-45));
  const scanned = await office.member("Karim Hosny", { phone: "01012345678" });
  await office.tookOver(scanned.id, month.id, dayFromToday(-10), dayFromToday(20));
  await office.call("alias_add", { member_id: scanned.id, code: "6221033101234" });
  await page.close();
});
test.afterAll(() => gym?.close());

test("a member without a subscription is stopped, buys one, and the next scan lets them in", async ({ page }) => {
  await standAtDesk(page, gym);
  const keys = new Keys(page);
  await keys.type("omar");
  await expect(page.getByRole("option", { name: /Omar Farouk/ })).toBeVisible();
  await keys.press("Enter");
  await expect(verdict(page)).toContainText("Stop");
  await expect(verdict(page)).toContainText("No subscription yet.");

  await page.keyboard.press("F4");
  const dialog = page.getByRole("dialog", { name: "Sell to Omar Farouk" });
  await expect(dialog.getByRole("listbox")).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(dialog.getByRole("option", { name: /Ten visits/ })).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("t");
  await dialog.getByLabel("Slip number").fill("000421");
  await expect(dialog.getByRole("button", { name: /Paid EGP 450 by card/ })).toBeEnabled();
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();

  await keys.type("omar");
  await expect(page.getByRole("option", { name: /Omar Farouk/ })).toBeVisible();
  await keys.press("Enter");
  await expect(verdict(page)).toContainText("Welcome");
  await expect(verdict(page)).toContainText("9 visits left");
  await expect(feed(page).getByRole("listitem")).toHaveCount(2);
});

test("a lapsed subscription is renewed in cash with at most five keys from the verdict", async ({ page }) => {
  await standAtDesk(page, gym);
  await new Keys(page).type("sara");
  await expect(page.getByRole("option", { name: /Sara Naguib/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(verdict(page)).toContainText("Subscription ended on");
  await expect(verdict(page).getByRole("button", { name: /Renew One month: EGP 600/ })).toBeVisible();

  const keys = new Keys(page);
  await keys.press("F4");
  const dialog = page.getByRole("dialog", { name: "Sell to Sara Naguib" });
  await expect(dialog.getByRole("option", { name: /Renew One month/ })).toHaveAttribute("aria-selected", "true");
  await expect(dialog.getByRole("button", { name: /Take EGP 600 in cash/ })).toBeEnabled();
  await expect(dialog.getByRole("listbox")).toBeFocused();
  await keys.press("Enter");
  await expect(dialog).toBeHidden();
  expect(keys.pressed).toBeLessThanOrEqual(5);

  await new Keys(page).type("sara");
  await expect(page.getByRole("option", { name: /Sara Naguib/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(verdict(page)).toContainText("Welcome");
});

test("the box does what is typed before a name, in English and in Arabic", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  await office.plan("Day pass", 10_000, { kind: "day_pass", duration_unit: "days" });
  await new Keys(page).type("day pass omar");
  await expect(page.getByRole("option", { name: "Day pass: Omar Farouk" })).toBeVisible();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Sell to Omar Farouk" });
  await expect(dialog.getByRole("option", { name: /Day pass/ })).toHaveAttribute("aria-selected", "true");
  await expect(dialog.getByRole("button", { name: /Take EGP 100 in cash/ })).toBeEnabled();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();

  await page.getByRole("combobox").fill("جدّد سارة");
  await expect(page.getByRole("option", { name: /Sara Naguib/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog", { name: "Sell to Sara Naguib" })).toBeVisible();
  await expect(page.getByRole("dialog").getByRole("listbox")).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();

  await new Keys(page).type("open omar");
  await expect(page.getByRole("option", { name: /Omar Farouk/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Omar Farouk" })).toBeVisible();
});

test("a key pressed while a sale is being stored works as soon as it is", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  const buyer = await office.member("Dina Raouf");
  let answer = () => {};
  const held = new Promise<void>((done) => (answer = done));
  await page.route("**/rpc/sell", async (route) => {
    await held;
    await route.continue();
  });
  await new Keys(page).type("sell dina");
  await expect(page.getByRole("option", { name: /Dina Raouf/ })).toBeVisible();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Sell to Dina Raouf" });
  await expect(dialog.getByRole("listbox")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(dialog.locator("form")).toHaveAttribute("aria-busy", "true");
  await page.keyboard.press("Control+2");
  answer();
  await expect(page.getByRole("combobox", { name: "Search members" })).toBeVisible();
  const { rows } = await office.call("member_subscriptions", { member_id: buyer.id });
  expect(rows).toHaveLength(1);
});

test("a scanner's burst into a field of a dialog leaves the field as it was", async ({ page }) => {
  await standAtDesk(page, gym);
  await page.keyboard.press("F6");
  const name = page.getByLabel("Full name");
  await expect(name).toBeFocused();
  await name.fill("Nour");
  await scan(page, "6221033109999");
  await expect(verdict(page)).toContainText("This code is not known here.");
  await expect(name).toHaveValue("Nour");
  await expect(page.getByRole("dialog")).toBeVisible();
});

test("a sale of the last minutes is voided with a reason, and the history keeps it", async ({ page }) => {
  await standAtDesk(page, gym);
  await page.keyboard.press("Control+2");
  await page.getByRole("combobox", { name: "Search members" }).fill("sara");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: /^Void/ }).click();
  const dialog = page.getByRole("dialog", { name: "Void this sale?" });
  await dialog.getByRole("button", { name: "Void" }).click();
  await expect(dialog.getByText("Say why, in a few words.")).toBeVisible();
  await dialog.getByLabel("Reason").fill("Wrong member");
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  await expect(page.getByText("The sale is voided. Hand back EGP 600.")).toBeVisible();
  const last = page.getByRole("region", { name: "Last receipt" });
  await last.getByRole("button", { name: "Open" }).click();
  await expect(page.getByRole("dialog", { name: /^Receipt / })).toContainText("Wrong member");
  await page.keyboard.press("Escape");
  await expect(page.getByText("Wrong member")).toBeVisible();
});

test("an old card is revoked and its replacement keeps the old code", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  await page.keyboard.press("Control+2");
  await page.getByRole("combobox", { name: "Search members" }).fill("karim");
  await page.keyboard.press("Enter");
  await page.getByRole("tab", { name: "Passes" }).click();
  await expect(page.getByText("6221033101234")).toBeVisible();
  await page.getByRole("button", { name: "New card" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "New card" }).click();
  await expect(page.getByRole("dialog", { name: "Card of Karim Hosny" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByText("Revoked", { exact: true })).toBeVisible();
  const { rows } = await office.call("member_list", { search: "karim", offset: 0, limit: 1 });
  const passes = await office.call("pass_list", { member_id: rows[0]!.id });
  expect(passes.rows.filter((pass) => pass.revoked_at === null)).toHaveLength(1);
});

test("a locked desk goes on scanning and shows the first name only", async ({ page }) => {
  await standAtDesk(page, gym);
  await page.keyboard.press("Control+l");
  await expect(page.getByRole("heading", { name: "This desk is locked" })).toBeVisible();

  const secret = page.getByLabel(/^(PIN|Password) of/);
  await expect(secret).toBeFocused();

  // A scanner's burst, with the focus in the PIN field: it reaches the desk and leaves the field empty.
  await scan(page, "6221033101234");
  await expect(verdict(page)).toContainText("Welcome");
  await expect(verdict(page)).toContainText("Karim");
  await expect(verdict(page)).not.toContainText("Hosny");
  await expect(page.getByText("Omar Farouk")).toBeHidden();
  await expect(secret).toHaveValue("");
  await expect(verdict(page).getByRole("button")).toHaveCount(0);
});
