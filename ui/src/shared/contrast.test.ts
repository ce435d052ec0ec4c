// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

/** The tokens of one theme, read from the stylesheet itself. */
function tokens(theme: "light" | "dark"): Map<string, string> {
  const css = readFileSync("src/styles/tokens.css", "utf8");
  const block = css.split(`[data-theme="${theme}"] {`)[1]?.split("\n}")[0] ?? "";
  return new Map([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map(([, name, value]) => [name ?? "", value ?? ""]));
}

/** Relative luminance, WCAG 2.2. */
function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const channel = parseInt(colour.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);
}

function contrast(one: string, other: string): number {
  const [light, dark] = [luminance(one), luminance(other)].toSorted((a, b) => b - a);
  return ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05);
}

const surfaces = ["surface-page", "surface", "surface-sunken", "surface-hover", "surface-raised"];
const onEverySurface = ["text", "text-muted", "accent", "admit", "attention", "refuse", "info"];
const pairs: [string, string, number][] = [
  ...surfaces.flatMap((surface) => onEverySurface.map((text): [string, string, number] => [text, surface, 4.5])),
  ["on-accent", "accent", 4.5],
  ["on-accent", "accent-hover", 4.5],
  ["on-accent-soft", "accent-soft", 4.5],
  ["on-admit-soft", "admit-soft", 4.5],
  ["on-attention-soft", "attention-soft", 4.5],
  ["on-refuse-soft", "refuse-soft", 4.5],
  ["on-info-soft", "info-soft", 4.5],
  ["on-stage", "stage", 7],
  ["on-stage-muted", "stage", 7],
  ["on-verdict-admit", "verdict-admit", 7],
  ["on-verdict-attention", "verdict-attention", 7],
  ["on-verdict-refuse", "verdict-refuse", 7],
  ["line-strong", "surface", 3],
  ["focus", "surface", 3],
];

describe.each(["light", "dark"] as const)("in the %s theme", (theme) => {
  const colours = tokens(theme);
  test.each(pairs)("%s on %s reaches %f", (text, surface, least) => {
    expect(contrast(colours.get(text) ?? "", colours.get(surface) ?? "")).toBeGreaterThanOrEqual(least);
  });
});
