import { expect, test, type Page } from "@playwright/test";
import { dayFromToday, Keys, Office, RECEPTION, standAtDesk } from "./desk.js";
import { Gym } from "./gym.js";
import { Paymob } from "./paymob.js";

test.describe.configure({ mode: "serial" });

/** Where people pay by UPI. */
const ZONE = "Asia/Kolkata";

let gym: Gym;
let paymob: Paymob;
let month: string;

test.beforeAll(async ({ browser }) => {
  [gym, paymob] = await Promise.all([Gym.open(), Paymob.open()]);
  const page = await browser.newPage();
  const office = await Office.setUp(page, gym, { currency: "INR", default_country: "IN", time_zone: ZONE });
  month = (await office.plan("One month", 149_950)).id;
  for (const name of ["Mona Adel", "Hany Lotfy", "Sara Naguib"]) await office.member(name, { phone: "9876500001" });
  await page.close();
});
test.afterAll(async () => {
  paymob?.close();
  await gym?.close();
});

const screen = (page: Page, name: string) =>
  page.getByRole("navigation", { name: "Screens" }).getByRole("button", { name, exact: true }).click();

async function memberId(office: Office, search: string): Promise<string> {
  const { rows } = await office.call("member_list", { search, offset: 0, limit: 1 });
  if (!rows[0]) throw new Error(`nobody is called ${search}`);
  return rows[0].id;
}

async function owes(office: Office, search: string, zone?: string): Promise<string> {
  const id = await memberId(office, search);
  const today = dayFromToday(0, zone);
  await office.sold(id, month, today, { payments: [], owe_until: today });
  return id;
}

async function openMember(page: Page, name: string) {
  await screen(page, "Members");
  await page.getByRole("combobox", { name: "Search members" }).fill(name);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: new RegExp(name) })).toBeVisible();
}

test("what is not set up is not offered: a transfer that was made needs its number", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  await openMember(page, "Mona Adel");
  await page.keyboard.press("F4");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("listbox")).toBeFocused();
  await expect(dialog.getByRole("radio", { name: /Paymob|PayPal/ })).toHaveCount(0);
  await page.keyboard.press("u");
  await expect(dialog.getByLabel(/^UTR/)).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(dialog.getByLabel(/^UTR/)).toHaveAttribute("aria-invalid", "true");
  await dialog.getByLabel(/^UTR/).fill("1234");
  await page.keyboard.press("Enter");
  await expect(dialog.getByText("The UTR of a UPI transfer has 12 digits.")).toBeVisible();
  expect((await office.call("payment_requests", { payer_id: null, with_closed: true })).rows).toEqual([]);
});

test("the payee of UPI is set up, a wrong address is named", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  await screen(page, "Settings");
  await page.getByRole("button", { name: "Money and receipts" }).click();
  await page.getByRole("button", { name: "Set up: UPI" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/^Payee address/).fill("iron house");
  await dialog.getByLabel(/^Payee name/).fill("Iron House");
  await page.keyboard.press("Control+Enter");
  await expect(dialog.getByText("This is not written as it has to be. Check it.")).toBeVisible();
  await expect(dialog.getByLabel(/^Payee address/)).toBeFocused();
  await dialog.getByLabel(/^Payee address/).fill("ironhouse@okhdfcbank");
  await page.keyboard.press("Control+Enter");
  await expect(dialog).toBeHidden();
  await expect(page.getByText("Iron House · ironhouse@okhdfcbank")).toBeVisible();
  const { rows } = await office.call("gateway_settings_get", null);
  expect(rows.map(({ enabled, settings }) => [enabled, settings.kind])).toEqual([[true, "upi"]]);
});

test("a sale by UPI: three keys show the code, the UTR sells", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  await openMember(page, "Mona Adel");
  const keys = new Keys(page);
  await keys.press("F4");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("button", { name: /Take INR 1,499.50 in cash/ })).toBeEnabled();
  await keys.press("u");
  await expect(dialog.getByRole("button", { name: /Show the code for INR 1,499.50/ })).toBeEnabled();
  await keys.press("Enter");
  const code = dialog.getByRole("img", { name: /Code to pay INR 1,499.50 by UPI/ });
  await expect(code).toBeVisible();
  expect((await code.boundingBox())?.width).toBeGreaterThan(300);
  expect(keys.pressed).toBe(3);
  const [asked] = (await office.call("payment_requests", { payer_id: null, with_closed: false })).rows;
  expect(asked?.pay_url).toContain(`upi://pay?pa=ironhouse@okhdfcbank&pn=Iron%20House&tr=${asked?.reference}`);
  await expect(dialog.getByText(asked?.reference ?? "", { exact: true })).toBeVisible();
  // Nothing is sold before the money is there.
  const mona = await memberId(office, "mona");
  expect((await office.call("member_subscriptions", { member_id: mona })).rows).toEqual([]);
  await expect(dialog.getByLabel(/^UTR/)).toBeFocused();
  await keys.type("12345678901");
  await keys.press("Enter");
  await expect(dialog.getByText("The UTR of a UPI transfer has 12 digits.")).toBeVisible();
  await keys.type("2");
  await keys.press("Enter");
  await expect(dialog).toBeHidden();
  await expect(page.getByText(/^Mona Adel is paid until/)).toBeVisible();
  const { rows } = await office.call("member_subscriptions", { member_id: mona });
  expect(rows).toHaveLength(1);
  const debts = await office.call("debts", { member_id: mona });
  expect([debts.owed.minor, debts.credit.minor]).toEqual([0, 0]);
});

test("a debt by UPI waits while the desk goes on, and is booked from the list", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  const hany = await owes(office, "hany", ZONE);
  await screen(page, "Money");
  await page.getByRole("row", { name: /Hany Lotfy/ }).getByRole("button", { name: "Collect" }).click();
  const dialog = page.getByRole("dialog", { name: "Hany Lotfy pays" });
  await dialog.getByRole("radio", { name: /UPI/ }).check();
  await page.keyboard.press("Enter");
  await expect(dialog.getByRole("img", { name: /Code to pay/ })).toBeVisible();
  await dialog.getByRole("button", { name: "The payer says it is paid" }).click();
  await expect(dialog.getByText("Said to be paid")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByText(/^INR.1,499\.50 is under way/)).toBeVisible();

  await page.getByRole("tab", { name: "Payments under way" }).click();
  await expect(page.getByText("1 payment under way: INR 1,499.50")).toBeVisible();
  const row = page.getByRole("row", { name: /Hany Lotfy/ });
  await expect(row).toContainText("The payer says it is paid. Look for it in the bank's statement.");
  await row.focus();
  await page.keyboard.press("Enter");
  const waiting = page.getByRole("dialog", { name: "UPI: INR 1,499.50" });
  await expect(waiting.getByLabel(/^UTR/)).toBeFocused();
  // That number has confirmed another payment.
  await waiting.getByLabel(/^UTR/).fill("123456789012");
  await page.keyboard.press("Enter");
  await expect(waiting.getByText("This transfer's number confirms another payment already.")).toBeVisible();
  await waiting.getByLabel(/^UTR/).fill("223456789012");
  await page.keyboard.press("Enter");
  await expect(waiting.getByText("Paid and booked, number 223456789012.")).toBeVisible();
  expect((await office.call("debts", { member_id: hany })).owed.minor).toBe(0);
  await page.keyboard.press("Escape");
  await expect(page.getByText("Nothing is under way")).toBeVisible();
});

test("a payment can be given up, with a reason, and is still to be found", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  await owes(office, "sara", ZONE);
  await screen(page, "Money");
  const oldest = page.getByRole("row", { name: /Sara Naguib/ });
  await oldest.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("tab", { name: "Money", selected: true })).toBeVisible();
  await page.getByRole("button", { name: "Take what is owed" }).click();
  const dialog = page.getByRole("dialog", { name: "Sara Naguib pays" });
  await dialog.getByRole("radio", { name: /UPI/ }).check();
  await page.keyboard.press("Enter");
  await dialog.getByRole("button", { name: "Give up" }).click();
  const question = page.getByRole("dialog", { name: "Give this payment up?" });
  await question.getByLabel("Reason").fill("Pays in cash");
  await page.keyboard.press("Enter");
  await expect(question).toBeHidden();
  // The same dialog goes on with another way.
  await dialog.getByRole("button", { name: /Take INR 1,499.50 in cash/ }).click();
  await expect(dialog).toBeHidden();
  await screen(page, "Money");
  await page.getByRole("tab", { name: "Payments under way" }).click();
  await page.getByLabel("Also those that are over").check();
  await expect(page.getByRole("row", { name: /Sara Naguib/ })).toContainText("Given up: Pays in cash.");
});

test("reception sees what is under way, the accountant what is owed", async ({ page, browser }) => {
  const office = await standAtDesk(page, gym);
  await office.call("staff_create", {
    full_name: RECEPTION.name, username: RECEPTION.username, email: null, phone: null, roles: ["reception"],
    password: RECEPTION.password, pin: RECEPTION.pin,
  });
  const other = await browser.newPage();
  await other.goto(gym.url);
  await other.getByLabel("E-mail or username").fill(RECEPTION.username);
  await other.getByLabel("Password").fill(RECEPTION.password);
  await other.keyboard.press("Enter");
  await screen(other, "Money");
  await expect(other.getByRole("tab")).toHaveText(["Payments under way", "Expenses"]);
  await other.close();
});

test.describe("with a gateway", () => {
  let house: Gym;
  test.beforeAll(async ({ browser }) => {
    house = await Gym.open();
    const page = await browser.newPage();
    const office = await Office.setUp(page, house);
    month = (await office.plan("One month", 60_000)).id;
    await office.member("Karim Hosny", { phone: "01012345678" });
    await page.close();
  });
  test.afterAll(() => house?.close());

  test("keys are written once, kept, and replaced one at a time", async ({ page }) => {
    const office = await standAtDesk(page, house);
    await screen(page, "Settings");
    await page.getByRole("button", { name: "Money and receipts" }).click();
    await page.getByRole("button", { name: "Set up: Paymob" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Which").selectOption("Another address");
    await dialog.getByLabel(/^Address of the gateway/).fill("http://example.com");
    await dialog.getByLabel(/^Public key/).fill("egy_pk_test_stand_in");
    await dialog.getByLabel(/^Integration numbers/).fill("4097558");
    await dialog.getByLabel(/^Secret key/).fill(Paymob.keys.secret_key);
    await page.keyboard.press("Control+Enter");
    await expect(dialog.getByText("This is needed.").first()).toBeVisible();
    await dialog.getByLabel(/^API key/).fill(Paymob.keys.api_key);
    await dialog.getByLabel(/^HMAC secret/).fill(Paymob.keys.hmac_secret);
    await page.keyboard.press("Control+Enter");
    await expect(dialog.getByText("This address is not encrypted. Use one that begins with https.")).toBeVisible();
    await dialog.getByLabel(/^Address of the gateway/).fill(paymob.url);
    await page.keyboard.press("Control+Enter");
    await expect(dialog).toBeHidden();
    const gateways = page.getByRole("region", { name: "Paid from afar" });
    await expect(gateways.getByText("Test", { exact: true })).toBeVisible();

    await page.getByRole("button", { name: "Change: Paymob" }).click();
    await expect(dialog.getByText(/^Stored, ends in .••••d_in.\. It is never shown again\.$/)).toBeVisible();
    expect(await dialog.innerHTML()).not.toContain(Paymob.keys.api_key);
    await dialog.getByRole("button", { name: "Replace: API key" }).click();
    await expect(dialog.getByLabel(/^API key/)).toBeFocused();
    await dialog.getByLabel(/^API key/).fill(Paymob.keys.api_key);
    await page.keyboard.press("Control+Enter");
    await expect(dialog).toBeHidden();
    const [view] = (await office.call("gateway_settings_get", null)).rows;
    expect(Object.values(view?.keys ?? {}).every((key) => key.startsWith("••••"))).toBe(true);
  });

  test("a link is asked for, paid, and settles by itself; then it goes back where it came from", async ({ page }) => {
    const office = await standAtDesk(page, house);
    const karim = await owes(office, "karim");
    await openMember(page, "Karim Hosny");
    await page.getByRole("tab", { name: "Money" }).click();
    await page.getByRole("button", { name: "Take what is owed" }).click();
    const dialog = page.getByRole("dialog", { name: "Karim Hosny pays" });
    const keys = new Keys(page);
    await expect(dialog.getByRole("button", { name: /Take EGP 600 in cash/ })).toBeFocused();
    await keys.press("m");
    await expect(dialog.getByRole("button", { name: /Ask for EGP 600 by Paymob/ })).toBeVisible();
    await keys.press("Enter");
    await expect(dialog.getByText(/unifiedcheckout/)).toBeVisible();
    await expect(dialog.getByRole("img", { name: /by Paymob/ })).toBeVisible();
    paymob.pay(false);
    await dialog.getByRole("button", { name: "Ask Paymob now" }).click();
    await expect(dialog.getByText("The last attempt failed: Do not honour.")).toBeVisible();
    paymob.pay();
    await expect(dialog).toBeHidden();
    await expect(page.getByText("EGP 600 from Karim Hosny is there.")).toBeVisible();
    expect((await office.call("debts", { member_id: karim })).owed.minor).toBe(0);

    paymob.keys_expired = true;
    await page.getByRole("button", { name: "Pay back" }).click();
    const back = page.getByRole("dialog", { name: "Pay money back" });
    await expect(back.getByLabel("How")).toHaveValue("gateway");
    await back.getByLabel("Reason").fill("Moves away");
    await expect(back.getByRole("row", { name: /^Status/ })).toContainText(/Active.*Cancelled/);
    await page.keyboard.press("Enter");
    await expect(back.getByText(/EGP.600 is the member's credit\. The gateway refuses our keys/)).toBeVisible();
    paymob.keys_expired = false;
    await back.getByRole("button", { name: /Pay EGP 600 back/ }).click();
    await expect(back).toBeHidden();
    await expect(page.getByText("EGP 600 is paid back.")).toBeVisible();
    const [paid] = (await office.call("member_payments", { member_id: karim })).rows;
    expect(paid?.refundable.minor).toBe(0);

    await screen(page, "Money");
    await page.getByRole("tab", { name: "Payments under way" }).click();
    await page.getByLabel("Also those that are over").check();
    await expect(page.getByText(/^Paid back by Paymob, number/)).toBeVisible();
  });

  test("expired keys are said where the money is asked for, and nothing is left behind", async ({ page }) => {
    const office = await standAtDesk(page, house);
    await owes(office, "karim");
    paymob.keys_expired = true;
    await screen(page, "Money");
    await page.getByRole("row", { name: /Karim Hosny/ }).getByRole("button", { name: "Collect" }).click();
    const dialog = page.getByRole("dialog", { name: "Karim Hosny pays" });
    await dialog.getByRole("radio", { name: /Paymob/ }).check();
    await page.keyboard.press("Enter");
    await expect(dialog.getByText("The gateway refuses our keys. They may have expired; the manager can enter new ones in Settings.")).toBeVisible();
    await dialog.getByRole("radio", { name: /Cash/ }).check();
    await page.keyboard.press("Enter");
    await expect(dialog).toBeHidden();
    expect((await office.call("payment_requests", { payer_id: null, with_closed: false })).rows.filter((row) => row.state === "ordered")).toEqual([]);
  });
});
