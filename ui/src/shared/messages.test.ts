// @vitest-environment node
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (file: string) => JSON.parse(readFileSync(`messages/${file}`, "utf8")) as Record<string, unknown>;
const placeholders = (message: unknown) =>
  [...new Set([...JSON.stringify(message).matchAll(/\{(\w+)\}/g)].map(([, name]) => name))].toSorted();

const english = readdirSync("messages").filter((file) => file.endsWith("en.json"));

test.each(english)("%s is complete in Arabic, with the same placeholders", (file) => {
  const [en, ar] = [read(file), read(file.replace(/en\.json$/, "ar.json"))];
  expect(Object.keys(ar).toSorted()).toEqual(Object.keys(en).toSorted());
  for (const [key, message] of Object.entries(en)) {
    if (key !== "$schema") expect([key, placeholders(ar[key])]).toEqual([key, placeholders(message)]);
  }
});

test("no key says two things", () => {
  for (const language of ["en", "ar"]) {
    const files = readdirSync("messages").filter((file) => file.endsWith(`${language}.json`));
    const keys = files.flatMap((file) => [...readFileSync(`messages/${file}`, "utf8").matchAll(/^  "(\w+)":/gm)].map(([, key]) => key));
    expect(keys.filter((key, at) => keys.indexOf(key) !== at)).toEqual([]);
  }
});
