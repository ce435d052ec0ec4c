import { expect, test } from "@playwright/test";
import { scan, standAtDesk } from "./desk.js";
import { catalogue, fit, seen, taste } from "./fit.js";
import { Gym } from "./gym.js";
import { BAR, fillShelf, SHAKE } from "./shelf.js";

let gym: Gym;
test.beforeAll(async ({ browser }) => {
  gym = await Gym.open();
  await fillShelf(browser, gym);
});
test.afterAll(() => gym?.close());

for (const [language, theme] of seen) {
  const words = catalogue(language);
  const word = (key: string) => words[key] ?? key;

  test(`products and prices, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    const dialog = page.getByRole("dialog");
    await page.getByRole("button", { name: word("view_catalogue") }).click();
    await expect(page.getByRole("row", { name: /Protein bar/ })).toBeVisible();
    await fit(page, "products");
    await page.getByRole("button", { name: word("product_new") }).click();
    await expect(dialog.getByRole("textbox").first()).toBeFocused();
    await page.keyboard.press("Control+Enter");
    await expect(dialog.locator("[aria-invalid='true']").first()).toBeVisible();
    await fit(page, "product, new");
    await page.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
    await scan(page, SHAKE);
    await expect(dialog.getByText("4411")).toBeVisible();
    await fit(page, "product, stock");
    await dialog.getByRole("tab", { name: word("product_tab_details") }).click();
    await expect(dialog.getByRole("textbox").first()).toBeVisible();
    await fit(page, "product, details");
    await dialog.getByRole("tab", { name: word("product_tab_prices") }).click();
    await expect(dialog.getByText(word("price_now"), { exact: true })).toBeVisible();
    await fit(page, "product, prices");
    await page.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
    await page.getByRole("tab", { name: word("catalogue_calendar") }).click();
    await expect(page.getByRole("row", { name: /Towel/ })).toBeVisible();
    await fit(page, "calendar");
    await page.getByLabel(word("calendar_ahead")).selectOption("24");
    await fit(page, "calendar, two years");
    await page.getByRole("row", { name: /One month/ }).click();
    await expect(dialog.getByText(word("price_later"), { exact: true }).first()).toBeVisible();
    await fit(page, "setting a price");
    await page.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
    await page.getByRole("tab", { name: word("catalogue_taxes") }).click();
    await expect(page.getByRole("row", { name: /VAT/ })).toBeVisible();
    await fit(page, "taxes");
    await page.getByRole("button", { name: word("tax_new") }).click();
    await page.keyboard.press("Enter");
    await expect(dialog.locator("[aria-invalid='true']").first()).toBeVisible();
    await fit(page, "tax, new");
    await page.keyboard.press("Escape");
    await page.getByRole("row", { name: /VAT/ }).click();
    await expect(dialog).toBeVisible();
    await fit(page, "tax, ended");
    await page.keyboard.press("Escape");
  });

  test(`selling from the shelf, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    const dialog = page.getByRole("dialog");
    await page.keyboard.press("F4");
    await expect(dialog.getByRole("searchbox")).toBeFocused();
    await fit(page, "to nobody, nothing yet");
    await scan(page, BAR);
    await scan(page, BAR);
    await expect(dialog.getByRole("radio").first()).toBeVisible();
    await fit(page, "to nobody, two bars");
    await scan(page, "00000000");
    await expect(dialog.getByRole("status").first()).toBeVisible();
    await dialog.getByRole("listbox").focus();
    await page.keyboard.press("w");
    await dialog.getByRole("combobox").fill("sara");
    await expect(dialog.getByRole("option", { name: /Sara Naguib/ })).toBeVisible();
    await fit(page, "looking for the member");
    await page.keyboard.press("Enter");
    await expect(dialog.getByRole("heading", { name: /Sara Naguib/ })).toBeVisible();
    await dialog.getByRole("option").first().click();
    await scan(page, SHAKE);
    await expect(dialog.getByRole("listitem")).toHaveCount(3);
    await fit(page, "to a member, three things");
    await page.keyboard.press("f");
    await dialog.getByRole("searchbox").fill("prot");
    await fit(page, "finding");
    await page.keyboard.press("Escape");
  });
}
