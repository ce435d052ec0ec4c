import { expect, test } from "@playwright/test";
import { dayFromToday, Keys, type Office, scan, standAtDesk, verdict } from "./desk.js";
import { Gym } from "./gym.js";
import { BAR, fillShelf, MONA, SARA, SHAKE } from "./shelf.js";

let gym: Gym;
test.beforeAll(async ({ browser }) => {
  gym = await Gym.open();
  await fillShelf(browser, gym);
});
test.afterAll(() => gym?.close());

async function stockOf(office: Office, name: string): Promise<number | undefined> {
  const { rows } = await office.call("product_list", { archived: false, low_stock: false });
  return rows.find((product) => product.name === name)?.stock;
}

test("a shake to whoever stands there is two keys and a scan", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  const before = (await stockOf(office, "Vanilla shake")) ?? 0;
  const keys = new Keys(page);
  await keys.press("F4");
  const dialog = page.getByRole("dialog", { name: "Sell without a member" });
  await expect(dialog).toBeVisible();
  await scan(page, SHAKE);
  await expect(dialog.getByRole("button", { name: /Take EGP 45 in cash/ })).toBeEnabled();
  await expect(dialog.getByText("including VAT EGP 5.53")).toBeVisible();
  await keys.press("Enter");
  await expect(dialog).toBeHidden();
  await expect(page.getByText(/^Sold\. Receipt \d+\.$/)).toBeVisible();
  expect(keys.pressed).toBe(2);
  expect(await stockOf(office, "Vanilla shake")).toBe(before - 1);
});

test("a renewal and two shakes are one receipt; a card meanwhile still opens the door", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  await scan(page, SARA);
  await expect(verdict(page).getByRole("button", { name: /Renew One month/ })).toBeVisible();
  await page.keyboard.press("F4");
  const dialog = page.getByRole("dialog", { name: "Sell to Sara Naguib" });
  await expect(dialog.getByRole("listbox")).toBeFocused();
  await scan(page, SHAKE);
  await expect(dialog.getByText("EGP 645", { exact: true })).toBeVisible();
  await scan(page, SHAKE);
  await expect(dialog.getByText("2 × Vanilla shake")).toBeVisible();
  await scan(page, MONA);
  await expect(dialog.getByText("Mona Adel came to the door: Welcome.")).toBeVisible();
  await expect(dialog.getByText(/Vanilla shake\W+\d\W+left after this\. Order more\./)).toBeVisible();
  await expect(dialog.getByRole("button", { name: /Take EGP 690 in cash/ })).toBeEnabled();
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  const { rows } = await office.call("member_list", { search: "sara", offset: 0, limit: 1 });
  const [payment] = (await office.call("member_payments", { member_id: rows[0]!.id })).rows;
  expect(payment?.amount.minor).toBe(69_000);
});

test("by name it is F, the name, Enter; + says how many, and more than there are is said", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  await page.keyboard.press("Control+2");
  await page.getByRole("combobox", { name: "Search members" }).fill("mona");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: /Mona Adel/ })).toBeVisible();
  const keys = new Keys(page);
  await keys.press("F4");
  const dialog = page.getByRole("dialog", { name: "Sell to Mona Adel" });
  await expect(dialog.getByRole("listbox")).toBeFocused();
  await keys.press("f");
  await expect(dialog.getByRole("searchbox")).toBeFocused();
  await keys.type("bar");
  await keys.press("Enter");
  // What was only suggested has made room for it.
  await expect(dialog.getByRole("button", { name: /Take EGP 30 in cash/ })).toBeEnabled();
  for (let more = 0; more < 4; more++) await page.keyboard.press("+", { delay: 60 });
  await expect(dialog.getByText("5 × Protein bar")).toBeVisible();
  await expect(dialog.getByText(/Protein bar\W+the books have\W+\d\W+fewer than you sell\. Count the shelf\./)).toBeVisible();
  for (let less = 0; less < 4; less++) await page.keyboard.press("-", { delay: 60 });
  await expect(dialog.getByRole("button", { name: /Take EGP 30 in cash/ })).toBeEnabled();
  await keys.press("Enter");
  await expect(dialog).toBeHidden();
  expect(keys.pressed).toBe(7);
  expect(await stockOf(office, "Protein bar")).toBe(3);
});

test("a new product is scanned in, delivered, counted and priced for later", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  await page.getByRole("button", { name: "Products and prices" }).click();
  await page.getByRole("button", { name: "New product" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/^Name\*?$/).fill("Water 0.5 l");
  await dialog.getByLabel(/^Price/).fill("10");
  await dialog.getByLabel("Tax").selectOption({ label: "VAT (14%)" });
  await dialog.getByLabel("Warn when only so many are left").fill("12");
  await dialog.getByLabel("Barcodes").focus();
  await scan(page, BAR);
  await expect(dialog.getByLabel("Barcodes")).toHaveValue(BAR);
  await page.keyboard.press("Control+Enter");
  await expect(dialog.getByText("Somebody else has this already. Choose another one.")).toBeVisible();
  await dialog.getByLabel("Barcodes").fill("");
  await scan(page, "6221033200026");
  await page.keyboard.press("Control+Enter");
  // The shelf comes next, with the cursor where the number goes.
  await expect(dialog.getByLabel("How many")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(dialog.getByText("Type a number.")).toBeVisible();
  await new Keys(page).type("24");
  await expect(dialog.getByText("Then 24 in stock.")).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(dialog.getByRole("row", { name: /Delivery \+24 Nadia Owner/ })).toBeVisible();
  await dialog.getByLabel("What happened").selectOption("Counted");
  await dialog.getByLabel("How many are there").fill("11");
  await dialog.getByLabel("Note").fill("One bottle leaked");
  await page.keyboard.press("Enter");
  await expect(dialog.getByRole("row", { name: /One bottle leaked -13/ })).toBeVisible();
  await dialog.getByRole("tab", { name: "Prices" }).click();
  await dialog.getByLabel("From", { exact: true }).fill(dayFromToday(-1));
  await dialog.getByLabel("Price", { exact: true }).fill("12.50");
  await page.keyboard.press("Enter");
  await expect(dialog.getByText("This day has passed. Choose today or a later one.")).toBeVisible();
  await dialog.getByLabel("From", { exact: true }).fill(dayFromToday(10));
  await page.keyboard.press("Enter");
  await expect(dialog.getByText("EGP 12.50")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("row", { name: /Water 0\.5 l Running low/ })).toContainText("11");

  await page.getByRole("tab", { name: "Price calendar" }).click();
  await page.getByLabel("Coming changes only").check();
  await expect(page.getByRole("row", { name: /Water 0\.5 l/ })).toContainText("EGP 12.50 from");
  await expect(page.getByRole("row", { name: /Towel/ })).toBeHidden();
  await page.getByRole("row", { name: /One month/ }).click();
  await dialog.getByLabel("From", { exact: true }).fill(dayFromToday(30));
  await dialog.getByLabel("Price", { exact: true }).fill("650");
  await page.keyboard.press("Enter");
  await expect(dialog.getByText("EGP 650.00")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("row", { name: /One month/ })).toContainText("EGP 650 from");
  const product = await office.call("product_by_code", { code: "6221033200026" });
  expect([product.stock, product.tax_bp, product.prices.length]).toEqual([11, 1400, 2]);
});

test("a product goes off sale and comes back; its code then goes to the door", async ({ page }) => {
  await standAtDesk(page, gym);
  await page.getByRole("button", { name: "Products and prices" }).click();
  await page.keyboard.press("F2");
  await new Keys(page).type("towel");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Towel" });
  await dialog.getByRole("tab", { name: "Details" }).click();
  await dialog.getByRole("button", { name: "Take off sale" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByText("Nothing found")).toBeVisible();
  await page.getByLabel("Show products off sale").check();
  await page.getByRole("row", { name: /Towel/ }).click();
  await dialog.getByRole("tab", { name: "Details" }).click();
  await dialog.getByRole("button", { name: "Put on sale again" }).click();
  await expect(dialog).toBeHidden();
  await page.getByLabel("Show products off sale").uncheck();
  await expect(page.getByRole("row", { name: /Towel/ })).toBeVisible();
});

test("a plan takes a tax rate that was just made; the sale says it, and a rate that ends stays with it", async ({ page }) => {
  await standAtDesk(page, gym);
  await page.getByRole("button", { name: "Products and prices" }).click();
  await page.getByRole("tab", { name: "Tax rates" }).click();
  await page.getByRole("button", { name: "New tax rate" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/^Name/).fill("Sports levy");
  await dialog.getByLabel(/^Rate/).fill("5.5");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("row", { name: /Sports levy 5\.5%/ })).toBeVisible();
  await page.getByRole("button", { name: "Settings", exact: true }).click();
  await page.getByRole("button", { name: "Plans and prices" }).click();
  await page.getByRole("row", { name: /^One month/ }).click();
  await dialog.getByLabel("Tax").selectOption({ label: "Sports levy (5.5%)" });
  await page.keyboard.press("Control+Enter");
  await expect(dialog.getByText("Saved")).toBeVisible();
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: "Products and prices" }).click();
  await page.getByRole("tab", { name: "Tax rates" }).click();
  await page.getByRole("row", { name: /Sports levy/ }).click();
  await dialog.getByRole("button", { name: "Stop using it" }).click();
  await expect(page.getByRole("row", { name: /Sports levy/ })).toBeHidden();

  await page.keyboard.press("Control+2");
  await page.getByRole("combobox", { name: "Search members" }).fill("mona");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: /Mona Adel/ })).toBeVisible();
  await page.keyboard.press("F4");
  await expect(dialog.getByText("including Sports levy EGP 31.28")).toBeVisible();
  await page.keyboard.press("Escape");
});
