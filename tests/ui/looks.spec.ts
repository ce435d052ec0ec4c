import { AxeBuilder } from "@axe-core/playwright";
import { expect, test, type Page } from "@playwright/test";
import path from "node:path";
import { dayFromToday, Office, standAtDesk } from "./desk.js";
import { Gym } from "./gym.js";

test.describe.configure({ mode: "serial" });

let gym: Gym;

test.beforeAll(async () => {
  gym = await Gym.open();
});
test.afterAll(() => gym?.close());

/** Nothing that a screen reader or weak eyes would stumble over, and nothing wider than the window. */
async function fit(page: Page, what: string) {
  const pictures = process.env["PICTURES"];
  if (pictures) await page.screenshot({ path: path.join(pictures, `${test.info().title} - ${what}.png`) });
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`);
  expect.soft(found, what).toEqual([]);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect.soft(overflow, `${what}: wider than the window`).toBeLessThanOrEqual(0);
}

async function taste(page: Page, language: string, theme: string) {
  await page.addInitScript(
    ([chosen, look]) => {
      localStorage.setItem("gatehouse.language", chosen ?? "");
      localStorage.setItem("gatehouse.theme", look ?? "");
    },
    [language, theme],
  );
}

for (const [language, theme] of [["en", "light"], ["ar", "dark"]] as const) {
  test(`the wizard and the log-in, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await page.goto(gym.url);
    if (language === "en") {
      await expect(page.getByRole("textbox").first()).toBeFocused();
      await fit(page, "first page of the wizard");
      const office = await Office.setUp(page, gym);
      const plan = await office.plan("One month", 60_000);
      const member = await office.member("Mona Adel", {
        native_name: "منى عادل", phone: "01012345678", email: "mona@gym.example", birth_date: "1990-02-28",
      });
      await office.tookOver(member.id, plan.id, dayFromToday(-10), dayFromToday(20));
      await office.call("alias_add", { member_id: member.id, code: "GYM-123" });
      await page.context().clearCookies();
      await page.goto(gym.url);
    }
    await expect(page.locator("input[type='password']")).toBeVisible();
    await fit(page, "log-in");
    await expect(page.locator("html")).toHaveAttribute("dir", language === "ar" ? "rtl" : "ltr");
  });

  test(`every view, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    await fit(page, "Reception");

    await page.keyboard.press("Control+2");
    await page.getByRole("combobox").fill("mona");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { name: /Mona Adel/ })).toBeVisible();
    const tabs = page.getByRole("tab");
    for (let index = 0; index < (await tabs.count()); index++) {
      await tabs.nth(index).click();
      await expect(page.getByRole("tabpanel")).toBeVisible();
      await fit(page, `Members, tab ${index + 1}`);
    }

    await page.setViewportSize({ width: 1920, height: 1080 });
    await fit(page, "Members, large");
    await page.setViewportSize({ width: 1280, height: 720 });

    await page.keyboard.press("F4");
    await expect(page.getByRole("dialog").getByRole("listbox")).toBeFocused();
    await fit(page, "selling");
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toBeHidden();
    await page.keyboard.press("F6");
    await expect(page.getByRole("dialog").getByRole("textbox").first()).toBeFocused();
    await page.getByRole("dialog").getByRole("button", { expanded: false }).click();
    await fit(page, "registering");
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toBeHidden();

    await page.keyboard.press("Control+3");
    const sections = page.locator(".settings nav button");
    await expect(sections).toHaveCount(7);
    for (let index = 0; index < 7; index++) {
      await sections.nth(index).click();
      await expect(sections.nth(index)).toHaveAttribute("aria-current", "page");
      await fit(page, `Settings, section ${index + 1}`);
    }
  });
}

test("Arabic mirrors the screen and counts by its own rules", async ({ page }) => {
  await taste(page, "ar", "light");
  await standAtDesk(page, gym);
  await expect(page.locator("html")).toHaveAttribute("lang", "ar");
  const [stage, box] = await Promise.all([
    page.locator("section.stage").boundingBox(),
    page.getByRole("combobox").boundingBox(),
  ]);
  expect(stage!.x).toBeGreaterThan(box!.x);
  await page.keyboard.press("Control+2");
  await expect(page.getByText("عضو واحد", { exact: true })).toBeVisible();
});
