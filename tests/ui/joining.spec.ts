import { expect, test } from "@playwright/test";
import type { Headquarters } from "../../ui/src/ipc/bindings/Headquarters.js";
import { Office, standAtDesk } from "./desk.js";
import { catalogue, fit, seen, taste } from "./fit.js";
import { Gym } from "./gym.js";

test.describe.configure({ mode: "serial" });

let gym: Gym;
test.beforeAll(() => Gym.open().then((open) => { gym = open; }));
test.afterAll(() => gym?.close());

test("an empty installation is offered to join, and a wrong code says what is wrong with it", async ({ page }) => {
  await taste(page, "en", "light");
  await page.goto(gym.url);
  await page.getByRole("button", { name: "Join a headquarters instead" }).click();
  const dialog = page.getByRole("dialog");
  const code = dialog.getByRole("textbox", { name: "Code from headquarters" });
  await expect(code).toBeFocused();
  await page.keyboard.press("Control+Enter");
  await expect(dialog.getByText("This is needed.")).toBeVisible();
  await code.fill("Not a code");
  await page.keyboard.press("Control+Enter");
  await expect(dialog.getByText("The code has a letter that is not as it was shown.")).toBeVisible();
  await expect(code).toBeFocused();
  await fit(page, "wizard, join");
  await page.keyboard.press("Escape");
  await expect(page.getByLabel("Name of the gym")).toBeVisible();
});

test("the gym is set up", ({ page }) => Office.setUp(page, gym));

for (const [language, theme] of seen) {
  const words = catalogue(language);
  const word = (key: string) => words[key] ?? key;

  test(`headquarters in the settings, ${language}, ${theme}`, async ({ page }) => {
    await taste(page, language, theme);
    await standAtDesk(page, gym);
    const open = async () => {
      await page.getByRole("button", { name: word("view_settings"), exact: true }).click();
      await page.locator(".settings nav button").filter({ hasText: word("settings_headquarters") }).click();
    };
    await open();
    await expect(page.getByRole("heading", { name: word("hq_alone") })).toBeVisible();
    await page.getByRole("textbox", { name: word("hq_code") }).fill("AAAAA-BBBBB");
    await page.getByRole("button", { name: word("hq_join") }).click();
    await expect(page.locator("[aria-invalid='true']")).toBeFocused();
    await fit(page, "alone");

    // What a branch and a headquarters see; the ways there have tests of their own.
    const seen_by_branch: Headquarters = {
      mode: "branch", host: "hq.example.com:5432", joined_at: "2026-03-01T08:00:00Z", in_step_at: "2026-03-11T08:59:48Z",
      waiting: 37, founded: true, reach: null, branches: [],
    };
    const show = async (now: object) => {
      await page.route("**/rpc/headquarters_get", (route) => route.fulfill({ json: now }));
      await page.reload();
      await open();
    };
    await show(seen_by_branch);
    await expect(page.getByText("hq.example.com:5432")).toBeVisible();
    await fit(page, "branch");
    const branch = (number: string, name: string, more: object) => ({
      branch_id: `0193a1b2-0000-7000-8000-00000000000${number}`, number, name, enrolled_at: "2026-03-01T08:00:00Z", joined: true,
      code_expires_at: null, last_seen_at: "2026-03-11T08:59:48Z", revoked_at: null, by_token: false, ...more,
    });
    await show({
      ...seen_by_branch, mode: "headquarters", host: null, waiting: 0, reach: { host: "hq.example.com", port: 5432, shared_role: null },
      branches: [
        branch("1", "Heliopolis", {}),
        branch("2", "المعادي", { joined: false, code_expires_at: "2100-01-01T00:00:00Z", last_seen_at: null }),
        branch("3", "Zamalek", { revoked_at: "2026-03-10T08:00:00Z" }),
        branch("4", "A branch with a very long name that nobody would choose", { enrolled_at: null, joined: false, last_seen_at: null }),
      ],
    });
    await expect(page.getByRole("row", { name: /Zamalek/ })).toContainText(word("hq_state_revoked"));
    await fit(page, "headquarters");
    const dialog = page.getByRole("dialog");
    await page.getByRole("button", { name: word("hq_new_branch") }).click();
    await page.keyboard.press("Control+Enter");
    await expect(dialog.locator("[aria-invalid='true']").first()).toBeFocused();
    await fit(page, "new branch");
    await page.route("**/rpc/branch_enrol", (route) => route.fulfill({
      json: {
        branch_id: "0193a1b2-0000-7000-8000-000000000005", name: "Maadi", expires_at: "2026-03-14T09:00:00Z",
        code: Array.from({ length: 38 }, (_, at) => `4${at.toString().padStart(2, "0")}KT`).join("-"),
      },
    }));
    await dialog.getByLabel(word("hq_branch_name")).fill("Maadi");
    await dialog.getByLabel(word("hq_branch_number")).fill("5");
    await page.keyboard.press("Enter");
    await expect(dialog.locator("output")).toContainText("401KT");
    await fit(page, "code");
    await page.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
    await page.getByRole("row", { name: /Heliopolis/ }).getByRole("button", { name: word("hq_revoke") }).click();
    await expect(dialog.getByRole("button", { name: word("hq_revoke"), exact: true })).toBeVisible();
    await fit(page, "shut out");
    await page.keyboard.press("Escape");
  });
}
