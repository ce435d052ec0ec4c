import { expect, test } from "vitest";
import { goodPassword, goodPin, passwordRules } from "./secrets.js";

test("a password has 8 characters, an upper-case letter and a digit", () => {
  expect(passwordRules("Abc")).toEqual({ long: false, upper: true, digit: false });
  expect(goodPassword("Abcdefg1")).toBe(true);
  expect(goodPassword("abcdefg1")).toBe(false);
  expect(goodPassword("Ábcdefgh")).toBe(false);
});

test("a PIN is 4 to 8 digits", () => {
  expect(goodPin("2580")).toBe(true);
  expect(goodPin("258")).toBe(false);
  expect(goodPin("258012345")).toBe(false);
  expect(goodPin("25a0")).toBe(false);
});
