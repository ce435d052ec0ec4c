import { expect, test, type Page } from "@playwright/test";
import path from "node:path";
import { feed, Keys, OWNER, RECEPTION, standAtDesk, verdict } from "./desk.js";
import { Gym } from "./gym.js";

// The first day of a gym, told in order: each test goes on where the one before it ended.
test.describe.configure({ mode: "serial" });

let gym: Gym;
let card: string;

test.beforeAll(async () => {
  gym = await Gym.open();
});
test.afterAll(() => gym?.close());

/** Fills field after field, as a person who never touches the mouse. At once: keys in a rush would be a scanner's. */
async function fill(page: Page, ...texts: string[]) {
  for (const [index, text] of texts.entries()) {
    if (index > 0) await page.keyboard.press("Tab");
    await page.keyboard.insertText(text);
  }
}

test("the wizard creates gym, owner, first plan and first receptionist by keyboard alone", async ({ page }) => {
  await page.goto(gym.url);
  await expect(page.getByLabel("Name of the gym")).toBeFocused();
  await expect(page.getByLabel("Country")).toHaveValue("EG");
  await page.keyboard.press("Enter");
  await expect(page.getByText("This is needed.")).toBeVisible();
  await page.keyboard.insertText("Nile Fitness");
  await page.keyboard.press("Enter");

  await expect(page.getByLabel("Name of the branch")).toHaveValue("Nile Fitness");
  await expect(page.getByLabel("Time zone")).toHaveValue("Africa/Cairo");
  await expect(page.getByLabel("Currency")).toHaveValue("EGP");
  await page.getByLabel("Name of the branch").selectText();
  await page.keyboard.insertText("Zamalek");
  await page.keyboard.press("Enter");

  await expect(page.getByLabel("Your name")).toBeFocused();
  await fill(page, OWNER.name, OWNER.email, "short");
  await page.keyboard.press("Enter");
  await expect(page.getByText("The password must keep all three rules.")).toBeVisible();
  await page.getByLabel("Password", { exact: false }).first().selectText();
  await page.keyboard.insertText(OWNER.password);
  // Past the eye to the PIN.
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.insertText(OWNER.pin);
  await page.keyboard.press("Enter");

  // Back and forth loses nothing.
  await expect(page.getByRole("button", { name: "Create the gym" })).toBeFocused();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("E-mail")).toHaveValue(OWNER.email);
  await page.keyboard.press("Enter");
  await expect(page.getByText("Africa/Cairo")).toBeVisible();
  await page.keyboard.press("Enter");

  await expect(page.getByRole("heading", { name: "First plan" })).toBeVisible();
  await expect(page.getByLabel("Name")).toBeFocused();
  await page.keyboard.insertText("One month");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.insertText("600");
  await page.keyboard.press("Enter");

  await expect(page.getByRole("heading", { name: "First receptionist" })).toBeVisible();
  await fill(page, RECEPTION.name, RECEPTION.username, RECEPTION.password);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.insertText(RECEPTION.pin);
  await page.keyboard.press("Enter");

  await expect(page.getByRole("heading", { name: "Nile Fitness is ready" })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("navigation", { name: "Screens" })).toBeVisible();
});

test("a member is registered, sold the plan and handed a card", async ({ page }) => {
  await standAtDesk(page, gym);
  await page.keyboard.press("F6");
  await expect(page.getByLabel("Full name")).toBeFocused();
  await page.keyboard.insertText("Mona Adel");
  await page.keyboard.press("Tab");
  await page.keyboard.insertText("010 1234 5678");
  await page.keyboard.press("Enter");

  await expect(page.getByRole("button", { name: "Sell a plan" })).toBeFocused();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Sell to Mona Adel" });
  await expect(dialog.getByRole("option", { name: /One month/ })).toHaveAttribute("aria-selected", "true");
  await dialog.getByLabel("Cash received").fill("1000");
  await expect(dialog.getByText("EGP 400")).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(dialog.getByText("Hand back")).toBeVisible();
  await expect(dialog.getByText("EGP 400")).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();

  await page.keyboard.press("Control+2");
  await page.getByRole("combobox", { name: "Search members" }).fill("mona");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Mona Adel" })).toBeVisible();
  await expect(page.getByText(/Active until/)).toBeVisible();
  await page.getByRole("tab", { name: "Passes" }).click();
  await page.getByRole("button", { name: "Issue a card" }).click();

  const cards = page.getByRole("dialog", { name: "Card of Mona Adel" });
  await expect(cards.getByRole("img", { name: /QR code/ })).toBeVisible();
  const download = page.waitForEvent("download");
  await cards.getByRole("button", { name: "Save picture" }).click();
  card = path.join(gym.folder, "card.png");
  await (await download).saveAs(card);

  // Printing hands the system one page of the card's own size, with nothing else of the screen on it.
  await page.emulateMedia({ media: "print" });
  await page.evaluate(() => {
    window.print = () => {
      const picture = document.querySelector(".print-page img")?.getBoundingClientRect();
      const others = [...document.body.children].filter((one) => !one.matches(".print-page"));
      document.documentElement.dataset["printed"] = JSON.stringify({
        width: picture?.width,
        height: picture?.height,
        alone: others.every((one) => getComputedStyle(one).display === "none"),
      });
    };
  });
  await cards.getByRole("button", { name: "Print" }).evaluate((button: HTMLButtonElement) => button.click());
  await expect(page.locator("html")).toHaveAttribute("data-printed", /./);
  const printed = JSON.parse((await page.locator("html").getAttribute("data-printed")) ?? "");
  const millimetre = 96 / 25.4;
  expect(printed.alone).toBe(true);
  expect(printed.width).toBeCloseTo(85.6 * millimetre, 0);
  expect(printed.height).toBeCloseTo(53.98 * millimetre, 0);
});

test("that very card, held to Reception as a picture, opens the door", async ({ page }) => {
  await standAtDesk(page, gym);
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Read a picture" }).click();
  await (await chooser).setFiles(card);

  await expect(verdict(page)).toContainText("Welcome");
  await expect(verdict(page)).toContainText("Mona Adel");
  await expect(feed(page).getByRole("listitem").first()).toContainText("Mona Adel");
  await expect(feed(page).getByRole("listitem").first()).toContainText("Welcome");

  // Taking the entry back leaves both rows: what happened is never removed.
  await page.keyboard.press("F9");
  await expect(feed(page).getByText("Taken back").first()).toBeVisible();
});

test("the receptionist logs in with the password and the desk changes hands by PIN", async ({ page }) => {
  await page.goto(gym.url);
  await page.getByLabel("E-mail or username").fill(RECEPTION.username);
  await page.getByLabel("Password").fill("Wrong-Pass-1");
  await page.keyboard.press("Enter");
  await expect(page.getByText("Name and password do not belong together. Check both.")).toBeVisible();
  await page.getByLabel("Password").fill(RECEPTION.password);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("navigation", { name: "Screens" })).toBeVisible();

  // A receptionist sells but does not set prices.
  await page.getByRole("navigation", { name: "Screens" }).getByRole("button", { name: "Settings" }).click();
  await expect(page.getByRole("button", { name: "My password and PIN" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Plans and prices" })).toBeHidden();

  await page.keyboard.press("Control+l");
  await expect(page.getByRole("heading", { name: "This desk is locked" })).toBeVisible();
  await page.getByRole("radio", { name: OWNER.name }).click();
  await new Keys(page).type(OWNER.pin);
  await page.keyboard.press("Enter");
  await expect(page.getByTitle(`On the desk: ${OWNER.name}`)).toBeVisible();
});

test("a known member is checked in with at most four letters and Enter", async ({ page }) => {
  await standAtDesk(page, gym);
  const keys = new Keys(page);
  await keys.type("mona");
  await expect(page.getByRole("option", { name: /Mona Adel/ })).toBeVisible();
  await keys.press("Enter");
  await expect(verdict(page)).toContainText("Mona Adel");
  expect(keys.pressed).toBeLessThanOrEqual(5);
});
