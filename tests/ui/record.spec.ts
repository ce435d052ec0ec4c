import { expect, test, type Page } from "@playwright/test";
import { randomUUID } from "node:crypto";
import { dayFromToday, Office, standAtDesk } from "./desk.js";
import { catalogue, fit, seen, taste } from "./fit.js";
import { Gym } from "./gym.js";

test.describe.configure({ mode: "serial" });

let gym: Gym;
let mona: string;

/** Years ago, in days: nobody's birthday is near enough to matter. */
const born = (years: number) => dayFromToday(-years * 365 - 100);

test.beforeAll(async ({ browser }) => {
  gym = await Gym.open();
  const page = await browser.newPage();
  const office = await Office.setUp(page, gym);
  const month = await office.plan("One month", 60_000, { freeze_days: 14, freeze_times: 2 });
  const member = await office.member("Mona Adel", { phone: "01012345678" });
  mona = member.id;
  const sold = await office.sold(mona, month.id, dayFromToday(-5));
  const subscription_id = sold.subscriptions[0]!.subscription_id;
  await office.call("check_in", { scan_id: randomUUID(), source: "search", member: mona });
  await office.call("measurement_add", {
    id: randomUUID(), member_id: mona, kind: "weight", value: 72_400, measured_on: dayFromToday(0),
  });
  await office.act({ subscription_id, act: "freeze", from: dayFromToday(1), days: 5 }, "Travels");
  await office.call("member_suspend", { member_id: mona, suspended: true, reason: "Papers are missing" });
  await office.call("member_suspend", { member_id: mona, suspended: false, reason: null });
  await office.member("Laila Lotfy", { birth_date: born(9) });
  await office.member("Rania Lotfy", { birth_date: born(40) });
  await page.close();
});
test.afterAll(() => gym?.close());

async function openMember(page: Page, typed: string) {
  await page.keyboard.press("Control+2");
  await page.getByRole("combobox").fill(typed);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: new RegExp(typed, "i") })).toBeVisible();
}

test("the timeline says what, when and who, and a line leads on", async ({ page }) => {
  await standAtDesk(page, gym);
  await openMember(page, "mona");
  await page.getByRole("tab", { name: "Timeline" }).click();
  const lines = page.getByRole("list", { name: "Timeline" }).getByRole("listitem");
  await expect(lines.filter({ hasText: "Registered" })).toBeVisible();
  await expect(lines.filter({ hasText: "Frozen" })).toContainText("Nadia Owner");
  await expect(lines.filter({ hasText: "Frozen" })).toContainText("Travels");
  await expect(lines.filter({ hasText: "Receipt of a sale" })).toContainText("EGP 600");
  await expect(lines.filter({ hasText: "Receipt of a sale" })).toContainText("Zamalek");
  await expect(lines.filter({ hasText: "Suspended" })).toContainText("Papers are missing");
  await lines.getByRole("button", { name: "Receipt of a sale" }).click();
  await expect(page.getByRole("dialog", { name: /^Receipt / })).toContainText("One month");
  await page.keyboard.press("Escape");
  await page.getByLabel("Show").selectOption("Freezes");
  await expect(lines).toHaveCount(1);
  await lines.getByRole("button", { name: "Frozen" }).click();
  await expect(page.getByRole("tab", { name: "Subscriptions" })).toHaveAttribute("aria-selected", "true");
});

test("a minor without a guardian is given one, and the guardian is a click away", async ({ page }) => {
  await standAtDesk(page, gym);
  await openMember(page, "laila");
  await expect(page.getByText("Nobody is named as guardian.")).toBeVisible();
  await page.getByRole("button", { name: "Name the guardian" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name of the household").fill("Lotfy");
  await dialog.getByRole("combobox", { name: "Add a member" }).fill("rania");
  await expect(dialog.getByRole("option", { name: /Rania Lotfy/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Control+Enter");
  await expect(dialog).toBeHidden();
  const line = page.getByRole("status").filter({ hasText: "Guardian" });
  await line.getByRole("button", { name: "Rania Lotfy" }).click();
  await expect(page.getByRole("heading", { level: 1, name: /Rania/ })).toBeVisible();
  await expect(page.getByText("Under 18")).toBeHidden();
});

test("a closure is seen before it is given, and given once", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  const before = (await office.call("member_subscriptions", { member_id: mona })).rows[0]!.ends_on;
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Days closed" }).click();
  await expect(page.getByText("Never closed so far")).toBeVisible();
  await page.getByLabel("First day closed").fill(dayFromToday(-2));
  await page.getByLabel("Last day closed").fill(dayFromToday(-3));
  await page.keyboard.press("Control+Enter");
  await expect(page.getByText("The last day comes before the first.")).toBeVisible();
  await page.getByLabel("Last day closed").fill(dayFromToday(-1));
  await expect(page.getByText("1 subscription gets days back, 2 days in all.")).toBeVisible();
  const extended = page.getByRole("table", { name: "Subscriptions extended" }).getByRole("row", { name: /Mona Adel/ });
  await expect(extended.getByRole("cell").nth(1)).toHaveText("2");
  await page.keyboard.press("Control+Enter");
  await expect(page.getByText("Say why, in a few words.")).toBeVisible();
  await page.getByLabel("Why").focus();
  await page.keyboard.type("Water pipe", { delay: 60 });
  let lost = 0;
  await page.route("**/rpc/closure_add", async (route) => {
    if (lost++ > 0) return route.continue();
    await route.fetch();
    await route.abort("connectionreset");
  });
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toBeVisible();
  await page.keyboard.press("Enter");
  const rows = page.getByRole("table", { name: "Closures so far" }).getByRole("row");
  await expect(rows.filter({ hasText: "Water pipe" })).toHaveCount(1);
  const after = (await office.call("member_subscriptions", { member_id: mona })).rows[0]!;
  expect((Date.parse(after.ends_on) - Date.parse(before)) / 86_400_000).toBe(2);
  expect(after.events.filter((event) => event.kind === "extended")).toHaveLength(1);

  // Whoever presses before the answer is there gives nothing back unseen.
  let answer = () => {};
  const held = new Promise<void>((go) => (answer = go));
  await page.route("**/rpc/closure_preview", async (route) => {
    await held;
    await route.continue();
  });
  await page.getByLabel("First day closed").fill(dayFromToday(-1));
  await page.getByLabel("Last day closed").fill(dayFromToday(-1));
  await page.getByLabel("Why").fill("Again");
  await page.keyboard.press("Control+Enter");
  await expect(page.getByText("Read this first, then press again.")).toBeVisible();
  answer();
  await expect(page.getByText("1 subscription gets days back, 1 day in all.")).toBeVisible();
  await page.keyboard.press("Control+Enter");
  await expect(page.getByText("These days are entered as closed already.")).toBeVisible();
});

for (const [language, theme] of seen) {
  const word = (key: string) => catalogue(language)[key] ?? key;

  test(`the record and closures, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    await openMember(page, "mona");
    await page.getByRole("tab", { name: word("tab_timeline") }).click();
    await expect(page.getByText(word("timeline_all_shown"))).toBeVisible();
    await fit(page, "timeline");
    await page.getByLabel(word("timeline_kind")).selectOption("edits");
    await fit(page, "timeline, edits");
    await page.getByRole("tab", { name: word("tab_subscriptions") }).click();
    // Sold today from an earlier day on: on that day nobody knew of it.
    await page.getByLabel(word("as_on_label")).fill(dayFromToday(-3));
    await expect(page.getByText(word("as_on_unsold"))).toBeVisible();
    await page.getByLabel(word("as_on_label")).fill(dayFromToday(0));
    await expect(page.locator(".then dl")).toBeVisible();
    await fit(page, "as on a day");
    await openMember(page, "laila");
    await expect(page.getByText(word("minor"), { exact: true })).toBeVisible();
    await fit(page, "a minor");
    await page.getByRole("button", { name: word("view_settings") }).click();
    await page.getByRole("button", { name: word("closures") }).click();
    await page.getByLabel(word("closure_from")).fill(dayFromToday(10));
    await page.getByLabel(word("closure_until")).fill(dayFromToday(11));
    await expect(page.getByText(word("closure_final"))).toBeVisible();
    await fit(page, "closures");
  });
}
