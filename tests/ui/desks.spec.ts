import { expect, test, type Page } from "@playwright/test";
import { dayFromToday, Office, OWNER, scan, verdict } from "./desk.js";
import { catalogue, fit, seen, taste } from "./fit.js";
import { Gym } from "./gym.js";

test.describe.configure({ mode: "serial" });

/** Two computers of one branch: the first has the database. */
let branch: Gym;
let other: Gym;
let address = "";
test.afterAll(async () => {
  await other?.close();
  await branch?.close();
});

async function toSettings(page: Page, word: (key: string) => string) {
  await page.getByRole("button", { name: word("view_settings") }).click();
  await page.getByRole("navigation", { name: word("view_settings") }).getByRole("button", { name: word("settings_desks") }).click();
}

async function enter(page: Page, gym: Gym) {
  await page.goto(gym.url);
  const log_in = page.locator("input[autocomplete='username']");
  const open = page.getByRole("combobox");
  await expect(log_in.or(open).first()).toBeVisible();
  if (await log_in.isVisible()) {
    await log_in.fill(OWNER.email);
    await page.locator("input[type='password']").fill(OWNER.password);
    await page.locator("button[type='submit']").click();
  }
  await expect(open).toBeVisible();
}

const english = (key: string) => catalogue("en")[key] ?? key;

test("a second computer becomes a desk by address and code, and sells", async ({ page, browser }) => {
  branch = await Gym.open();
  other = await Gym.open();
  const office = await Office.setUp(page, branch);
  const month = await office.plan("One month", 60_000);
  const mona = await office.member("Mona Adel");
  await office.tookOver(mona.id, month.id, dayFromToday(-10), dayFromToday(20));
  await office.call("alias_add", { member_id: mona.id, code: "6221033100001" });
  const lapsed = await office.member("Sara Naguib");
  await office.sold(lapsed.id, month.id, dayFromToday(-45));
  await office.call("alias_add", { member_id: lapsed.id, code: "6221033100002" });

  await page.goto(branch.url);
  await toSettings(page, english);
  await fit(page, "desks, shut");
  await page.getByRole("checkbox", { name: "Let other desks use this computer" }).check();
  await page.getByRole("button", { name: "Add a desk" }).click();
  const code = await page.getByLabel("One-time code").locator("output").or(page.locator("output")).first().innerText();
  expect(code).toMatch(/^[2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4}$/);
  const shown = await page.locator(".address strong").innerText();
  address = `127.0.0.1:${/:(\d+)$/.exec(shown)?.[1]}`;
  await fit(page, "desks, with a code");

  const second = await browser.newPage();
  await taste(second, "en", "light");
  await second.goto(other.url);
  await second.getByRole("button", { name: "This is another desk of a gym that is set up already" }).click();
  await second.getByRole("textbox", { name: "Address of the branch computer" }).fill(address);
  await second.getByRole("textbox", { name: "One-time code" }).fill("2222-2222-2222");
  await second.getByRole("textbox", { name: "Name of this desk" }).fill("Side door");
  await second.keyboard.press("Enter");
  await expect(second.getByText("The code is wrong, was used, or has expired.")).toBeVisible();
  await fit(second, "pairing, with a wrong code");
  await second.getByRole("textbox", { name: "One-time code" }).fill(code.toLowerCase());
  await second.keyboard.press("Enter");
  await expect(second.getByRole("heading", { name: "Nile Fitness" })).toBeVisible();
  await enter(second, other);
  await expect(second.getByRole("img", { name: `Connected to the branch computer at ${address}` })).toBeVisible();
  await expect(second.getByText("Side door").first()).toBeVisible();
  await scan(second, "6221033100001");
  await expect(verdict(second)).toContainText("Mona Adel");
  await expect(verdict(second)).not.toContainText("By what was known");
  const desk = await Office.logIn(second, other);
  await desk.sold(lapsed.id, month.id, dayFromToday(0));
  await expect(page.getByRole("table", { name: "Desks that use this computer" })).toContainText("Side door");
  await fit(page, "desks, one paired");
  const paid = await office.call("member_payments", { member_id: lapsed.id });
  expect(paid.rows).toHaveLength(2);
  await second.close();
});

for (const [language, theme] of seen) {
  const words = catalogue(language);
  const word = (key: string) => words[key] ?? key;
  const begins = (key: string) => new RegExp(word(key).split("{")[0] ?? "");

  test(`the branch computer dies and comes back, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await enter(page, other);
    await expect
      .poll(async () => (await (await page.request.post(`${other.url}/rpc/desk_link`, { data: "null" })).json()).link.snapshot_at)
      .not.toBeNull();
    await page.keyboard.press("Control+K");
    await branch.kill();
    await expect(page.getByRole("status").filter({ hasText: begins("link_away") })).toBeVisible();
    await scan(page, "6221033100001");
    await expect(verdict(page)).toContainText(begins("reason_from_snapshot"));
    await expect(verdict(page)).toContainText("Mona Adel");
    await expect(page.getByRole("status").filter({ hasText: begins("link_away") })).toContainText(begins("link_judging"));
    await fit(page, "away, verdict");
    await page.keyboard.press("Escape");
    await toSettings(page, word);
    await fit(page, "away, settings");

    branch = await branch.again();
    await expect(page.getByRole("status").filter({ hasText: begins("link_away") })).toBeHidden();
    const link = await (await page.request.post(`${other.url}/rpc/desk_link`, { data: "null" })).json();
    expect([link.link.standing, link.link.queued]).toEqual(["up", 0]);
  });
}

test("a sale that was open when the branch computer died says so, and goes on when it is back", async ({ page }) => {
  await taste(page, "en", "light");
  await enter(page, other);
  await scan(page, "6221033100002");
  await expect(verdict(page)).toContainText("Sara Naguib");
  await page.keyboard.press("F4");
  const dialog = page.getByRole("dialog");
  await expect(dialog).toBeVisible();
  await branch.kill();
  await expect(dialog.getByRole("alert")).toContainText("nothing can be sold or paid at this desk");
  await fit(page, "away, sale");
  branch = await branch.again();
  await expect(dialog.getByRole("alert")).toBeHidden();
});

test("a desk that is removed says so and does nothing any more", async ({ page, browser }) => {
  await taste(page, "ar", "dark");
  const second = await browser.newPage();
  await taste(second, "en", "light");
  await enter(second, other);
  await page.request.post(`${branch.url}/rpc/login`, { data: JSON.stringify({ identifier: OWNER.email, password: OWNER.password }) });
  await page.goto(branch.url);
  const word = (key: string) => catalogue("ar")[key] ?? key;
  await toSettings(page, word);
  await page.getByRole("button", { name: word("desks_remove_of").replace("{name}", "Side door") }).click();
  await fit(page, "removing a desk");
  await page.getByRole("dialog").getByRole("button", { name: word("desks_remove") }).click();
  await expect(page.getByText(word("desks_none"))).toBeVisible();
  await expect(second.getByText("This desk was removed at the branch computer.").first()).toBeVisible();
  await fit(second, "revoked");
  await second.close();
});
