import { describe, expect, test } from "vitest";
import { allZones, countries, countryOf, currencies, guessCountry, guessZone } from "./countries.js";

describe("what a country suggests", () => {
  test("Egypt sells in pounds on Cairo's clock", () => {
    expect(countryOf("EG")).toEqual({ code: "EG", currency: "EGP", zone: "Africa/Cairo" });
  });

  test("every suggestion is a real country, currency and zone", () => {
    const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
    const known = new Set(allZones());
    for (const { code, currency, zone } of countries) {
      expect(names.of(code), code).toBeTruthy();
      expect(Intl.supportedValuesOf("currency"), code).toContain(currency);
      // Other spellings of one place (Asia/Calcutta, Asia/Kolkata) are equal to Intl.
      expect(() => new Intl.DateTimeFormat("en", { timeZone: zone ?? "" }), `${code} ${zone}`).not.toThrow();
    }
    expect(known.has("UTC")).toBe(true);
    expect(new Set(countries.map((country) => country.code)).size).toBe(countries.length);
    expect(currencies).toContain("KWD");
  });

  test("the machine's zone names the country before the language does", () => {
    expect(guessCountry("Africa/Cairo", ["en-US"])).toBe("EG");
    expect(guessCountry("Etc/UTC", ["ar", "ar-SA"])).toBe("SA");
    expect(guessCountry("UTC", ["en"])).toBe("");
  });

  test("a system without a language opens the wizard all the same", () => {
    expect(guessCountry("Africa/Cairo", ["c"])).toBe("EG");
    expect(guessCountry("UTC", ["c", "C.UTF-8", ""])).toBe("");
  });

  test("a machine without a zone of its own gets the country's", () => {
    expect(guessZone("UTC", "KW")).toBe("Asia/Kuwait");
    expect(guessZone("Europe/Paris", "KW")).toBe("Europe/Paris");
    expect(guessZone("UTC", "")).toBe("UTC");
  });
});
