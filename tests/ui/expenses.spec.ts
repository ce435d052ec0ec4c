import { expect, test, type Page } from "@playwright/test";
import { randomUUID } from "node:crypto";
import { dayFromToday, Keys, Office, RECEPTION, standAtDesk } from "./desk.js";
import { catalogue, fit, seen, taste } from "./fit.js";
import { Gym } from "./gym.js";

test.describe.configure({ mode: "serial" });

let gym: Gym;
let paper: Buffer;

const bill = (category: string, description: string, amount_minor: number, days: number) => ({
  id: randomUUID(), category, supplier: null, description, amount_minor, tax_minor: 0, incurred_on: dayFromToday(days),
  due_on: null, file_base64: null,
});

test.beforeAll(async ({ browser }) => {
  gym = await Gym.open();
  const page = await browser.newPage();
  const office = await Office.setUp(page, gym);
  await office.call("staff_create", {
    full_name: RECEPTION.name, username: RECEPTION.username, email: null, phone: null, roles: ["reception"],
    password: RECEPTION.password, pin: RECEPTION.pin,
  });
  await office.call("expense_create", { ...bill("Rent", "Rent of the hall and the changing rooms", 2_500_000, -2), due_on: dayFromToday(-1), supplier: "مكتب الزمالك للعقارات" });
  await office.call("expense_create", bill("Electricity", "Meter 1", 412_075, -3));
  await office.call("expense_create", bill("Electricity", "Meter 2", 9_925, -3));
  // A picture that was made here: the page as it is.
  await page.setContent("<h1>Nile Repairs</h1><p>Treadmill belt, EGP 114.00</p>");
  paper = await page.screenshot();
  await page.close();
});
test.afterAll(() => gym?.close());

/** The screen and the tab by their names, whichever place they have. */
async function open(page: Page, word = (key: string) => catalogue("en")[key] ?? key) {
  await page.getByRole("navigation").getByRole("button", { name: word("tab_money"), exact: true }).click();
  await page.getByRole("tab", { name: word("expenses"), exact: true }).click();
}

test("a bill goes from its paper to the drawer", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  const keys = new Keys(page);
  await open(page);
  await expect(page.getByRole("table", { name: "Expenses" })).toBeVisible();
  await keys.press("F6");
  const entering = page.getByRole("dialog", { name: "New bill" });
  await expect(entering.getByLabel("Amount")).toBeFocused();
  await keys.press("Control+Enter");
  await expect(entering.getByText("Type an amount, such as 600.")).toBeVisible();
  await expect(entering.getByLabel("Amount")).toBeFocused();

  // What the server would not take is said before anything is sent.
  const input = entering.locator("input[type='file']");
  await input.setInputFiles({ name: "bill.txt", mimeType: "text/plain", buffer: Buffer.from("no bill") });
  await expect(entering.getByText("Use a photo (JPEG, PNG, WebP) or a PDF.")).toBeVisible();
  await input.setInputFiles({ name: "bill.png", mimeType: "image/png", buffer: Buffer.alloc(16 * 1024 * 1024 + 1) });
  await expect(entering.getByText("The file is larger than 16 MB. Choose a smaller one.")).toBeVisible();
  await input.setInputFiles({ name: "bill.png", mimeType: "image/png", buffer: paper });
  await expect(entering.getByRole("img", { name: "The bill, bill.png" })).toBeVisible();
  await expect(entering.getByText(/larger than 16 MB/)).toBeHidden();

  await entering.getByLabel("Amount").focus();
  keys.pressed = 1;
  await keys.type("114");
  await keys.press("Tab", "Tab");
  await keys.type("Repairs");
  await keys.press("Tab");
  await keys.type("Treadmill belt");
  await keys.press("Enter");
  const one = page.getByRole("dialog", { name: "Treadmill belt" });
  await expect(one.getByRole("img", { name: "The bill" })).toBeVisible();
  // F6, past the tax, Enter, and what is typed.
  expect(keys.pressed).toBe(1 + 3 + 1 + "114RepairsTreadmill belt".length);

  // The owner approves and pays: Enter, then a key that is not pressed by accident.
  keys.pressed = 0;
  await expect(one.getByRole("button", { name: /Approve/ })).toBeFocused();
  await keys.press("Enter");
  await expect(one.getByLabel("How it is paid")).toBeFocused();
  await keys.press("Control+Enter");
  await expect(page.getByText("Take EGP 114 out of the drawer.")).toBeVisible();
  expect(keys.pressed).toBe(2);
  await expect(one).toBeHidden();
  await expect(page.getByRole("row", { name: /Treadmill belt/ })).toContainText("Paid");

  const { shift } = await office.call("till_get", { till_id: null });
  const report = await office.call("shift_report", { shift_id: shift?.id ?? "" });
  expect(report.expenses).toMatchObject({ count: 1, amount: { minor: 11_400 } });
});

test("a bill that is paid already is not paid again, and one that is wrong is rejected with a reason", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  const made = await office.call("expense_create", bill("Cleaning", "Windows", 5_000, 0));
  await office.call("expense_decide", { expense_id: made.id, verdict: "approved", reason: null });
  await open(page);
  await page.getByRole("row", { name: /Windows/ }).click();
  const one = page.getByRole("dialog", { name: "Windows" });
  await one.getByLabel("How it is paid").selectOption("bank_transfer");
  await one.getByLabel("Reference of the transfer").fill("TRX-77");
  await office.call("expense_pay", { idempotency_key: randomUUID(), expense_id: made.id, method: "bank_transfer", reference: "TRX-76" });
  await page.keyboard.press("Enter");
  await expect(one.getByText("This bill is paid already.")).toBeVisible();
  await expect(one.getByText("TRX-76")).toBeVisible();
  await page.keyboard.press("Escape");

  await page.getByRole("row", { name: /Meter 2/ }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByRole("button", { name: "Reject" }).click();
  const why = page.getByRole("dialog", { name: "Reject this bill?" });
  await expect(why.getByLabel("Reason")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(why.getByText("Say why, in a few words.")).toBeVisible();
  await page.keyboard.type("Not our meter", { delay: 60 });
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog", { name: "Meter 2" }).getByText("Not our meter")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("row", { name: /Meter 2/ })).toContainText("Rejected");
});

test("an answer that gets lost pays once", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  const made = await office.call("expense_create", bill("Cleaning", "Towels", 7_700, 0));
  await office.call("expense_decide", { expense_id: made.id, verdict: "approved", reason: null });
  let lost = 0;
  await page.route("**/rpc/expense_pay", async (route) => {
    if (lost++ > 0) return route.continue();
    await route.fetch();
    await route.abort("connectionreset");
  });
  await open(page);
  await page.getByRole("row", { name: /Towels/ }).click();
  await expect(page.getByRole("dialog").getByLabel("How it is paid")).toBeFocused();
  await page.keyboard.press("Control+Enter");
  await expect(page.getByText("Take EGP 77 out of the drawer.")).toBeVisible();
  expect(lost).toBe(2);
});

test("a total opens its bills, and everything comes back", async ({ page }) => {
  await standAtDesk(page, gym);
  await open(page);
  const rows = page.getByRole("table", { name: "Expenses" }).getByRole("row");
  await expect(rows).toHaveCount(7);
  // The rejected one is not in it.
  await page.getByText("Totals by category and month").click();
  const total = page.getByRole("row", { name: /^Electricity/ }).getByRole("button", { name: /EGP 4,120.75/ }).first();
  await total.click();
  await expect(rows).toHaveCount(3);
  await page.getByLabel("State").selectOption("rejected");
  await expect(rows).toHaveCount(2);
  await expect(rows.nth(1)).toContainText("Meter 2");
  await page.getByLabel("Supplier or text").fill("nothing like it");
  await expect(page.getByText("Nothing fits what is asked for above.")).toBeVisible();
  await page.getByRole("button", { name: "Show everything again" }).click();
  await expect(rows).toHaveCount(7);
});

test("who enters bills sees their own and decides nothing", async ({ page }) => {
  await page.goto(gym.url);
  await page.getByLabel("E-mail or username").fill(RECEPTION.username);
  await page.getByLabel("Password").fill(RECEPTION.password);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("navigation", { name: "Screens" })).toBeVisible();
  await open(page);
  await expect(page.getByText("No bills in these days")).toBeVisible();
  await page.keyboard.press("F6");
  const entering = page.getByRole("dialog", { name: "New bill" });
  await entering.getByLabel("Amount").fill("20");
  await entering.getByLabel("Category").fill("Water");
  await entering.getByLabel("What it is for").fill("Two bottles");
  const pdf = "%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF";
  await entering.locator("input[type='file']").setInputFiles({ name: "water.pdf", mimeType: "application/pdf", buffer: Buffer.from(pdf) });
  await page.keyboard.press("Control+Enter");
  await expect(entering).toBeHidden();
  await page.getByRole("row", { name: /Two bottles/ }).click();
  const one = page.getByRole("dialog", { name: "Two bottles" });
  await expect(one.getByText("Somebody who may approve bills decides about it.")).toBeVisible();
  await expect(one.getByRole("button", { name: "Approve" })).toBeHidden();
  const saving = page.waitForEvent("download");
  await one.getByRole("button", { name: "Save the bill" }).click();
  expect((await saving).suggestedFilename()).toMatch(/Water\.pdf$/);
});

for (const [language, theme] of seen) {
  const word = (key: string) => catalogue(language)[key] ?? key;

  test(`expenses, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    await open(page, word);
    const dialog = page.getByRole("dialog");
    await expect(page.getByRole("row", { name: /Treadmill belt/ })).toBeVisible();
    await fit(page, "list");
    await page.getByText(word("expense_sums")).click();
    await fit(page, "totals");
    await page.getByRole("row", { name: /Treadmill belt/ }).click();
    await expect(dialog.getByRole("img")).toBeVisible();
    await fit(page, "paid, with its bill");
    await page.keyboard.press("Escape");
    await page.getByRole("row", { name: /Rent of the hall/ }).click();
    await fit(page, "waiting and overdue");
    await page.keyboard.press("Escape");
    await page.keyboard.press("F6");
    await expect(dialog).toBeVisible();
    await fit(page, "new");
    await dialog.locator("input[type='file']").setInputFiles({ name: "bill.png", mimeType: "image/png", buffer: paper });
    await expect(dialog.getByRole("img")).toBeVisible();
    await page.keyboard.press("Control+Enter");
    await expect(dialog.getByText(word("error_amount"))).toBeVisible();
    await fit(page, "new, with a bill and fields missing");
    await page.keyboard.press("Escape");
    await page.getByLabel(word("expense_state")).selectOption("rejected");
    await page.getByLabel(word("expense_search")).fill("zzz");
    await expect(page.getByText(word("expenses_none_fit"))).toBeVisible();
    await fit(page, "nothing fits");
  });
}
