import { AxeBuilder } from "@axe-core/playwright";
import { expect, test, type Page } from "@playwright/test";
import { readFileSync } from "node:fs";
import path from "node:path";

/** Each language and each theme once. `LOOKS=all` adds the other two pairs. */
const looks = [["en", "light"], ["ar", "dark"], ["en", "dark"], ["ar", "light"]] as const;
export const seen = looks.slice(0, process.env["LOOKS"] === "all" ? 4 : 2);
/** `PICTURES=dir` keeps a picture of everything at both sizes of the desk. */
const pictures = process.env["PICTURES"];
const desk_sizes = [{ width: 1280, height: 720 }, { width: 1920, height: 1080 }];

/** The catalogue's own words, so that the same steps are walked in every language. */
export const catalogue = (language: string): Record<string, string> =>
  Object.assign({}, ...["", "office.", "shop.", "till.", "expenses.", "collect.", "desks.", "headquarters.", "status."].map((part) => {
    const file = path.join(__dirname, `../../ui/messages/${part}${language}.json`);
    return JSON.parse(readFileSync(file, "utf8")) as object;
  }));

/** Elements whose content runs out over what stands beside them, further than a badge hangs over. Runs in the page. */
function overflowing(): string[] {
  const overhang = 6;
  return [...document.querySelectorAll<HTMLElement>("body, body *")]
    .filter((element) => {
      const { overflowX, display } = getComputedStyle(element);
      const runsOut = element.scrollWidth > element.clientWidth + overhang && element.clientWidth > 0;
      return runsOut && overflowX === "visible" && display !== "inline" && !element.closest(".visually-hidden");
    })
    .map((element) => element.outerHTML.slice(0, 200));
}

/** Nothing that a screen reader or weak eyes would stumble over, and nothing wider than the window. */
export async function fit(page: Page, what: string) {
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`);
  expect.soft(found, what).toEqual([]);
  for (const size of pictures ? desk_sizes : desk_sizes.slice(0, 1)) {
    if (pictures) await page.setViewportSize(size);
    expect.soft(await page.evaluate(overflowing), `${what}: wider than its place`).toEqual([]);
    const name = `${size.height} ${test.info().title} - ${what}.png`;
    if (pictures) await page.screenshot({ path: path.join(pictures, name) });
  }
  if (pictures) await page.setViewportSize(desk_sizes[0]!);
}

export async function taste(page: Page, language: string, theme: string) {
  await page.addInitScript(
    ([chosen, look]) => {
      localStorage.setItem("gatehouse.language", chosen ?? "");
      localStorage.setItem("gatehouse.theme", look ?? "");
    },
    [language, theme],
  );
}
