// @vitest-environment node
import { describe, expect, test } from "vitest";
import { fold, looksLikeCode, matching, verbIn, type Command, type Verb } from "./commands.js";

const command = (id: string, title: string, words: string): Command => ({
  id,
  title: () => title,
  words: () => words,
  run: () => {},
});

const commands = [
  command("undo", "Take back the last entry", "undo"),
  command("inside", "Who is inside", "inside list, capacity"),
  command("lock", "اقفل المكتب", "قفل"),
];

const verb = (id: string, words: string): Verb => ({ id, title: () => id, words: () => words, run: () => {} });
const verbs = [verb("sell", "renew, sell, جدد, تجديد"), verb("out", "check out, خروج"), verb("pass", "day pass")];

describe("an act with a name behind it", () => {
  test.each([
    ["renew mona", "sell", "mona"],
    ["  Renew   Mona  Adel ", "sell", "Mona Adel"],
    ["جَدِّد منى", "sell", "منى"],
    ["check out mona", "out", "mona"],
    ["day pass 5678", "pass", "5678"],
  ])("%s is %s of %s", (text, id, name) => {
    expect(verbIn(text, verbs)).toMatchObject({ verb: { id }, name });
  });

  test.each(["renew", "renewal mona", "mona renew", "check mona", "day pass", "", "  "])("%s is none", (text) => {
    expect(verbIn(text, verbs)).toBeNull();
  });
});

describe("what is typed into the box", () => {
  test.each([
    ["un", ["undo"]],
    ["UNDO", ["undo"]],
    ["last ent", ["undo"]],
    ["ins", ["inside"]],
    ["who ins", ["inside"]],
    ["إقفل", ["lock"]],
    ["u", []],
    ["mona", []],
    ["undo mona", []],
  ])("%s calls %o", (text, ids) => {
    expect(matching(text, commands).map(({ id }) => id)).toEqual(ids);
  });

  test.each([
    ["José", "jose"],
    ["أَحْمَد", "احمد"],
    ["فاطمة", "فاطمه"],
    ["٠١٢", "012"],
  ])("%s is compared as %s", (text, folded) => {
    expect(fold(text)).toBe(folded);
  });

  test.each([
    ["C100-0042-7", true],
    ["GYM-123", true],
    ["٠٠٠٤٢٧", true],
    ["mona", false],
    ["mona 2", false],
    ["12", false],
  ])("%s could be a code: %s", (text, could) => {
    expect(looksLikeCode(text)).toBe(could);
  });
});
