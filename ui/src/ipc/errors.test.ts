// @vitest-environment node
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import * as catalogue from "../paraglide/messages.js";
import { CallError, explain, Unreachable } from "./errors.js";

const crates = path.join(import.meta.dirname, "../../../src-tauri/crates");

/** How the server writes a code: last argument of whatever makes the error, a field, or the head of a wire error. */
const WAYS = [
  /\b(?:invalid|conflict|refused|ok_or|Err)\((?:[^()"]*"[^"]*",)?\s*(?:[a-z_]+,\s*)?"([a-z0-9_]+)",?\s*\)/g,
  /\bcode: "([a-z0-9_]+)"/g,
  /\("([a-z0-9_]+)", None, /g,
];

/** Every code in the sources of what answers the interface. Import and demo speak to the command line, in English. */
function codes(): Map<string, string> {
  const found = new Map<string, string>();
  for (const crate of ["core", "net"]) {
    for (const name of readdirSync(path.join(crates, crate, "src"), { recursive: true, encoding: "utf8" })) {
      if (!name.endsWith(".rs") || name.endsWith("tests.rs") || /^(?:import|demo)\b/.test(name)) continue;
      const [source = ""] = readFileSync(path.join(crates, crate, "src", name), "utf8").split("#[cfg(test)]");
      for (const way of WAYS) for (const [, code] of source.matchAll(way)) if (code) found.set(code, `${crate}/${name}`);
    }
  }
  return found;
}

test("whatever the server refuses, there are words for it", () => {
  const found = codes();
  // One of each way of writing, so that a change of style cannot empty this test.
  for (const code of ["alias_taken", "amount_not_positive", "window_days", "wrong_pin", "price_changed", "forbidden"]) {
    expect(found.has(code), code).toBe(true);
  }
  const speechless = [...found].filter(([code]) => !(`error_${code}` in catalogue));
  expect(speechless).toEqual([]);
});

test("an answer without words of its own is told as the server put it", () => {
  expect(explain(new CallError({ code: "of_tomorrow", message: "not yet known here" }))).toBe("not yet known here");
  expect(explain(new Unreachable(null))).toBe(catalogue.error_unreachable());
  expect(explain(new TypeError("x"))).toBe(catalogue.error_unexpected());
});
