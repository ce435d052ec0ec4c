import { expect, test, type Page } from "@playwright/test";
import { randomUUID } from "node:crypto";
import { dayFromToday, Office, OWNER, RECEPTION, standAtDesk } from "./desk.js";
import { catalogue, fit, seen, taste } from "./fit.js";
import { Gym } from "./gym.js";
import { Pair } from "./pair.js";

test.describe.configure({ mode: "serial" });
/** The relay tries again after a pause that grows with an outage. */
const RELAY = { timeout: 60_000 };

let gym: Gym;
let pair: Pair;
let mona: string;
let omar: string;

const chip = (page: Page) => page.locator("header").getByTitle(/^(Headquarters|المركز الرئيسي): /);
const colleague = (username: string) => ({
  full_name: RECEPTION.name, username, email: null, phone: null, roles: ["reception" as const],
  password: RECEPTION.password, pin: RECEPTION.pin,
});

test.afterAll(async () => {
  if (pair) await pair.close();
  else await gym?.close();
});

/** Headquarters' interface, with the gym's own accounts. */
async function logInThere(page: Page): Promise<Office> {
  const office = await Office.logIn(page, { url: pair.url } as Gym);
  await page.goto(pair.url);
  await expect(chip(page)).toBeVisible();
  return office;
}

test("a gym that is alone says nothing of a headquarters", async ({ page }) => {
  gym = await Gym.open();
  const office = await Office.setUp(page, gym);
  const plan = await office.plan("One month", 60_000);
  const member = await office.member("Mona Adel", { phone: "01012345678" });
  mona = member.id;
  const one_visit = await office.plan("One visit", 5_000, { kind: "visit_pack", duration_count: 3, visits: 1, branch_scope: "all" });
  omar = (await office.member("Omar Said")).id;
  await office.sold(omar, one_visit.id, dayFromToday(0));
  await office.sold(mona, plan.id, dayFromToday(0));
  await page.goto(gym.url);
  await expect(page.getByRole("navigation", { name: "Screens" })).toBeVisible();
  await expect(chip(page)).toHaveCount(0);
  await page.keyboard.press("Control+7");
  await expect(page.getByRole("heading", { name: "Headquarters" })).toHaveCount(0);
});

test("once it has joined, a chip says that it is in step and leads to the rest", async ({ page }) => {
  pair = await Pair.of(gym);
  await standAtDesk(page, gym);
  await expect(chip(page)).toContainText("In step", RELAY);
  await expect(chip(page)).toContainText(/just now|ago/);
  await chip(page).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Headquarters" })).toBeVisible();
  await expect(page.getByText("Nothing waits", { exact: true })).toBeVisible();
  await expect(page.getByText("as at headquarters")).toBeVisible();
  await page.keyboard.press("Control+1");
  await expect(page.getByRole("combobox")).toBeVisible();
  await page.keyboard.press("Control+7");
  await expect(page.getByRole("heading", { name: "Headquarters" })).toBeVisible();
  await pair.open();
  expect(await pair.doctor()).toMatch(/headquarters +within reach; waiting 0, set aside 0, conflicts 0, last in step \d+ s ago, rounds \d+, failed 0/);
});

test("with the line cut the desk goes on and the chip counts what is to be sent", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  await expect(chip(page)).toContainText("In step", RELAY);
  await pair.cut();
  await expect(chip(page)).toContainText("Offline", RELAY);
  await office.member("Karim Hosny");
  // The member and the record of it.
  await expect(chip(page)).toContainText("2 to send");
  for (const member of [mona, omar]) {
    await office.call("check_in", { member, scan_id: randomUUID(), source: "search" });
  }
  const { id: _, number: __, ...rest } = await office.call("member_get", { member_id: mona });
  await office.call("member_update", { ...rest, id: mona, goal: "Swim every day" });
  await office.call("staff_create", colleague("rami"));
  const { rows } = await office.call("plan_list", { archived: false });
  const plan = rows.find(({ name }) => name === "One month");
  const lena = await office.member("Lena Fares");
  await office.sold(lena.id, plan!.id, dayFromToday(0));

  await chip(page).click();
  await expect(page.getByText("Headquarters cannot be reached.", { exact: false })).toBeVisible();
  const waiting = page.getByRole("table", { name: "Waiting to be sent" });
  await expect(waiting.getByRole("row", { name: /Members/ })).toBeVisible();
  await waiting.getByRole("row", { name: /Members/ }).click();
  const dialog = page.getByRole("dialog", { name: "Members" });
  await expect(dialog.getByText("Karim Hosny").first()).toBeVisible();
  const edit = dialog.getByRole("article").filter({ hasText: "Member, changed" });
  await edit.getByText("What it holds").click();
  await expect(edit.getByRole("row", { name: /Goal.*Swim every day/ })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();

  // Meanwhile headquarters changes the same field, and hires somebody of the same name.
  const there = await page.context().browser()!.newPage();
  const head = await Office.logIn(there, { url: pair.url } as Gym);
  const { id: ___, number: ____, ...known } = await head.call("member_get", { member_id: mona });
  await head.call("member_update", { ...known, id: mona, goal: "Run a marathon" });
  await head.call("staff_create", colleague("rami"));
  await there.close();

  // And another branch registers Mona, and lets Omar in on his only visit.
  await pair.headquarters(
    `insert into branches (id, gym_id, code, name, time_zone, currency, created_at)
     select gen_random_uuid(), id, '2', 'Maadi', 'Africa/Cairo', 'EGP', now() from gyms`,
    `insert into members (id, home_branch_id, number, full_name, phone, created_at, updated_at)
     select gen_random_uuid(), id, '2000017', 'Mona A. Adel', '+201012345678', now(), now() from branches where code = '2'`,
    `with entry as (
       insert into entries (id, branch_id, member_id, seq, scan_id, desk_id, at, business_day, subscription_id)
       select gen_random_uuid(), b.id, s.member_id, 1, gen_random_uuid(), gen_random_uuid(), now(), (now() at time zone 'Africa/Cairo')::date, s.id
       from branches b, subscriptions s where b.code = '2' and s.member_id = '${omar}' returning *)
     insert into visit_uses (id, branch_id, subscription_id, visit_no, entry_id, business_day)
     select gen_random_uuid(), branch_id, subscription_id, 1, id, business_day from entry`,
  );
});

test("when the line is back, what asks for somebody is in one place", async ({ page }) => {
  // As if it had been away for an hour and a half.
  await pair.branch("update sync_contact set at = at - interval '91 minutes'");
  await pair.mend();
  await standAtDesk(page, gym);
  await expect(chip(page)).toContainText("need head office", { timeout: 150_000 });
  await chip(page).click();
  await page.getByRole("tab", { name: /Set aside/ }).click();
  const card = page.getByRole("article").filter({ hasText: "Another account already has this user name." }).first();
  await expect(card.getByText("Rule: accounts_username_key")).toBeVisible();
  await expect(card.getByRole("row", { name: /User name rami/ })).toBeVisible();
  await card.getByRole("button", { name: "Send again" }).click();
  await expect(page.getByText("It is sent again with the next round.")).toBeVisible();
  // It is refused again, for the same reason.
  await expect(card.getByRole("button", { name: "Send again" })).toBeVisible(RELAY);
});

for (const [language, theme] of seen) {
  const word = (key: string) => catalogue(language)[key] ?? key;
  const tab = (page: Page, key: string) => page.getByRole("tab", { name: new RegExp(`^${word(key).replace("?", "\\?")}`) });

  test(`what a branch shows, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    await expect(chip(page)).toBeVisible();
    await fit(page, "Reception with the chip");
    await chip(page).click();
    await expect(page.getByRole("heading", { name: word("view_sync") })).toBeVisible();
    await expect(page.getByText(word("sync_contact"))).toBeVisible();
    await fit(page, "now");
    await tab(page, "sync_tab_aside").click();
    await expect(page.getByRole("article").first()).toBeVisible();
    await fit(page, "set aside");
    await tab(page, "sync_tab_conflicts").click();
    await expect(page.getByText("Swim every day").first()).toBeVisible();
    await page.getByRole("button", { name: word("sync_take"), exact: true }).first().click();
    await fit(page, "two edits, one chosen");
    await page.getByRole("button", { name: word("cancel"), exact: true }).first().click();
    await tab(page, "sync_tab_outages").click();
    await expect(page.getByRole("table", { name: word("sync_tab_outages") })).toBeVisible();
    await fit(page, "outages");
    await page.getByRole("table", { name: word("sync_tab_outages") }).getByRole("row").nth(1).click();
    await expect(page.getByText(word("outage_lines"))).toBeVisible();
    await fit(page, "sheet");
    await page.getByRole("button", { name: word("outage_sign") }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
    await fit(page, "sheet, signing");
    await page.keyboard.press("Escape");
    await page.emulateMedia({ media: "print" });
    await page.evaluate(() => (window.print = () => undefined));
    await page.getByRole("button", { name: word("outage_print") }).dispatchEvent("click");
    await expect(page.locator(".print-page h2")).toBeVisible();
    if (process.env["PICTURES"]) await page.pdf({ path: `${process.env["PICTURES"]}/sheet ${language}.pdf` });
    await page.emulateMedia({ media: null });
    await tab(page, "sync_tab_overdrawn").click();
    await expect(page.getByRole("article").filter({ hasText: "Omar Said" })).toBeVisible();
    await fit(page, "to settle");
    await tab(page, "sync_tab_pairs").click();
    await expect(page.getByRole("article").filter({ hasText: "Mona A. Adel" })).toBeVisible();
    await fit(page, "the same person");
    await page.getByRole("button", { name: word("pairs_keep").replace("{number}", "2000017") }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
    await fit(page, "the same person, one chosen");
  });

  test(`what headquarters shows, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await logInThere(page);
    await chip(page).click();
    const branches = page.getByRole("table", { name: word("sync_branch") });
    await expect(branches.getByRole("row", { name: /Zamalek/ })).toBeVisible();
    await fit(page, "branches");
    await branches.getByRole("button", { name: `${word("sync_aside")}: ` }).click();
    await expect(page.getByRole("dialog").getByRole("article").first()).toBeVisible();
    await fit(page, "set aside of a branch");
    await page.keyboard.press("Escape");
    await branches.getByRole("button", { name: `${word("sync_waiting_count")}: ` }).click();
    await expect(page.getByRole("dialog").getByRole("article").first()).toBeVisible();
    await fit(page, "received of a branch");
    await page.keyboard.press("Escape");
    await branches.getByRole("button", { name: `${word("sync_tab_conflicts")}: ` }).click();
    await expect(page.getByRole("dialog").getByText("Run a marathon").first()).toBeVisible();
    await fit(page, "two edits of a branch");
    await page.keyboard.press("Escape");
  });
}

test("headquarters leaves something out, and the branch reads why", async ({ page }) => {
  await logInThere(page);
  await chip(page).click();
  await page.getByRole("table", { name: "Branch" }).getByRole("button", { name: /^Set aside: / }).click();
  const card = page.getByRole("dialog").getByRole("article").filter({ hasText: "accounts_username_key" });
  await card.getByRole("button", { name: "Leave it out" }).click();
  const why = page.getByRole("dialog", { name: "Leave this out of headquarters?" });
  await why.getByLabel("Reason").fill("He was hired at headquarters");
  await why.getByRole("button", { name: "Leave it out" }).click();
  await expect(page.getByText("Left out, and the branch is told why.")).toBeVisible();
  await page.goto("about:blank");
  await page.context().clearCookies();
  await standAtDesk(page, gym);
  await chip(page).click();
  await page.getByRole("tab", { name: /Set aside/ }).click();
  await expect(page.getByText("Headquarters left it out: He was hired at headquarters")).toBeVisible(RELAY);
});

test("a visit used twice is forgiven with a reason, and two people stay two", async ({ page }) => {
  await standAtDesk(page, gym);
  await chip(page).click();
  await page.getByRole("tab", { name: "To settle" }).click();
  const task = page.getByRole("article").filter({ hasText: "Omar Said" });
  await expect(task).toContainText("1 visit too many");
  await expect(task.getByRole("listitem")).toHaveCount(2);
  await expect(task).toContainText("Maadi");
  await task.getByRole("button", { name: "Forgive it" }).click();
  const why = page.getByRole("dialog", { name: "Forgive the visit?" });
  await why.getByLabel("Reason").fill("The line was down");
  await why.getByRole("button", { name: "Forgive it" }).click();
  await expect(page.getByText("Settled. It goes to all branches.")).toBeVisible();
  await expect(page.getByText("Nothing to settle", { exact: true })).toBeVisible();

  await page.getByRole("tab", { name: "Same person?" }).click();
  const twice = page.getByRole("article").filter({ hasText: "Mona A. Adel" });
  await expect(twice).toContainText("same phone");
  await twice.getByRole("button", { name: "Keep 2000017" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Keep 2000017" }).click();
  // Mona's subscription runs under the other record.
  await expect(page.getByText("This record still has a running subscription", { exact: false })).toBeVisible();
  await page.keyboard.press("Escape");
  await twice.getByRole("button", { name: "They are two people" }).click();
  await expect(page.getByText("Nobody looks registered twice", { exact: true })).toBeVisible();
});

test("the sheet of the outage is decided with two clicks, signed, and kept", async ({ page }) => {
  const office = await standAtDesk(page, gym);
  await chip(page).click();
  await page.getByRole("tab", { name: /Outages \(1\)/ }).click();
  await page.getByRole("table", { name: "Outages" }).getByRole("row").nth(1).focus();
  await page.keyboard.press("Enter");
  const lines = page.getByRole("table").last();
  await expect(lines.getByRole("row", { name: /Member, new.*Karim Hosny/ })).toBeVisible();
  await expect(lines.getByRole("row", { name: /Sale.*Lena Fares.*600/ })).toBeVisible();
  await expect(lines.getByRole("row", { name: /Scan: welcome.*Mona Adel.*Nadia Owner/ })).toBeVisible();
  await expect(lines.getByRole("row", { name: /Scan: welcome.*Omar Said/ })).toBeVisible();
  await page.getByLabel("Only what asks for something").check();
  await expect(lines.getByText("Karim Hosny")).toBeHidden();
  await page.getByRole("button", { name: "Take this one" }).click();
  await expect(page.getByRole("button", { name: "Take this one" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByText("Decided. It goes to all branches.")).toBeVisible();
  expect((await office.call("member_get", { member_id: mona })).goal).toBe("Run a marathon");
  await page.getByRole("button", { name: "Sign off" }).click();
  await page.getByRole("dialog").getByLabel("Note").fill("Called Mona");
  await page.keyboard.press("Control+Enter");
  await expect(page.getByText(`Looked through by ${OWNER.name}`, { exact: false })).toBeVisible();
  await page.getByRole("button", { name: "All outages" }).click();
  await expect(page.getByRole("table", { name: "Outages" })).toContainText(OWNER.name);
  await expect(page.getByRole("tab", { name: "Outages", exact: true })).toBeVisible();
});

for (const [language, theme] of seen) {
  test(`a branch that was put back says that it takes no money yet, ${language} ${theme}`, async ({ page }) => {
    const words = catalogue(language);
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    await pair.cut();
    await pair.branch("select sync_restored(gen_random_uuid())");
    await page.reload();
    await expect(chip(page)).toContainText(words["sync_own_rows"] ?? "", RELAY);
    await expect(chip(page)).toContainText(words["sync_own_rows_text"] ?? "");
    await fit(page, "reception");
    await chip(page).click();
    await expect(page.getByText(words["error_own_rows_missing"] ?? "")).toBeVisible();
    await fit(page, "headquarters");
    // Headquarters sends them back.
    await pair.mend();
    await expect(chip(page)).not.toContainText(words["sync_own_rows"] ?? "", RELAY);
    await expect(page.getByText(words["error_own_rows_missing"] ?? "")).toBeHidden();
  });
}

/** Makes a plan at headquarters; when the branch has it, headquarters is as it was before, as from a backup. */
async function loseAtHeadquarters(name: string): Promise<void> {
  const [plan, price] = [randomUUID(), randomUUID()];
  await pair.headquarters(
    `insert into plans select (jsonb_populate_record(p, '{"id": "${plan}", "name": "${name}"}')).* from plans p limit 1`,
    `insert into plan_prices select (jsonb_populate_record(r, '{"id": "${price}", "plan_id": "${plan}"}')).* from plan_prices r limit 1`,
  );
  await expect.poll(() => pair.branch(`select count(*) from plan_prices where id = '${price}'`), RELAY).toBe("1");
  await pair.headquarters(
    `delete from plan_prices where id = '${price}'; delete from plans where id = '${plan}';
     delete from sync_feed where key ->> 'id' in ('${plan}', '${price}'); select sync_restored(gen_random_uuid())`,
  );
}

for (const [language, theme] of seen) {
  test(`what a headquarters that was put back has lost, ${language} ${theme}`, async ({ page }) => {
    const words = catalogue(language);
    await taste(page, language, theme);
    await logInThere(page);
    await loseAtHeadquarters(`Yearly, ${language}`);
    await chip(page).click();
    await page.getByRole("tab", { name: words["sync_tab_lost"] ?? "" }).click(RELAY);
    await expect(page.getByRole("article").first()).toContainText(words["sync_state_offered"] ?? "");
    await expect(page.getByRole("article").filter({ hasText: `Yearly, ${language}` })).toBeVisible();
    await fit(page, "lost");
    await page.getByRole("button", { name: words["lost_forget"] ?? "" }).click();
    await expect(page.getByRole("dialog")).toContainText(words["lost_forget_text"] ?? "");
    await fit(page, "nothing is missing");
  });
}

test("what headquarters has lost is taken back with one click, and stays away with a reason", async ({ page }) => {
  await logInThere(page);
  await chip(page).click();
  await page.getByRole("tab", { name: "Lost" }).click();
  await expect(page.getByRole("article")).toHaveCount(2 * seen.length);
  await page.getByRole("button", { name: "Take it back" }).click();
  await expect(page.getByText(`${2 * seen.length} rows are here again. Sales that waited for them follow.`)).toBeVisible();
  await expect(page.getByRole("tab", { name: "Lost" })).toBeHidden();
  expect(await pair.headquarters("select count(*) from plans where name like 'Yearly,%'")).toBe(String(seen.length));

  await loseAtHeadquarters("Quarterly");
  await page.getByRole("tab", { name: "Lost" }).click(RELAY);
  await page.getByRole("button", { name: "Nothing is missing" }).click();
  const why = page.getByRole("dialog", { name: "Stop looking for what was lost?" });
  await why.getByLabel("Reason").fill("It was a mistake");
  await why.getByRole("button", { name: "Nothing is missing" }).click();
  await expect(page.getByRole("tab", { name: "Lost" })).toBeHidden();
  expect(await pair.headquarters("select after ->> 'reason' from audit_log where act = 'headquarters.lost_forgotten'")).toBe("It was a mistake");
});
