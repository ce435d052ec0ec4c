import type { MemberHit } from "../../ipc/wire.js";
import { latinDigits } from "../../shared/text/digits.js";

/** Something the box can do besides finding a member, with the words that call it in the interface's language. */
export interface Command {
  id: string;
  /** Shown in the list. */
  title: () => string;
  /** Words that call it, separated by spaces or commas; their beginnings are enough. */
  words: () => string;
  key?: string;
  run: () => void;
}

/** What the box can do with a member who is named behind it: "renew mona". */
export interface Verb {
  id: string;
  /** As the line says it: "Sell or renew". */
  title: () => string;
  /** What people write for it, separated by commas, in every language of the house. */
  words: () => string;
  run: (member: MemberHit) => void;
}

/** Folds case, accents, Arabic letter variants and vowel marks, so that words match as people type them. */
export function fold(text: string): string {
  return latinDigits(text)
    .normalize("NFKD")
    .replace(/[\u0300-\u036f\u064b-\u0655\u0670\u0640]/g, "")
    .replace(/[أإآٱ]/g, "ا")
    .replace(/ى/g, "ي")
    .replace(/ة/g, "ه")
    .toLocaleLowerCase()
    .trim();
}

/** The commands that a text calls: every word typed begins one of the command's words. From 2 characters. */
export function matching(text: string, commands: readonly Command[]): Command[] {
  const typed = fold(text).split(/\s+/).filter(Boolean);
  if (typed.join("").length < 2) return [];
  return commands.filter((command) => {
    const words = fold(`${command.title()} ${command.words()}`).split(/[\s,،]+/);
    return typed.every((part) => words.some((word) => word.startsWith(part)));
  });
}

/** The verb that a text begins with, and whom it is about. The longest phrase counts: "check out", not "check". */
export function verbIn(text: string, verbs: readonly Verb[]): { verb: Verb; name: string } | null {
  const typed = text.trim().split(/\s+/);
  const folded = typed.map(fold);
  let found: { verb: Verb; words: number } | null = null;
  for (const verb of verbs) {
    for (const phrase of verb.words().split(/[,،]/)) {
      const words = fold(phrase).split(/\s+/);
      if (words.length > (found?.words ?? 0) && words.length < typed.length && words.every((word, at) => word === folded[at])) {
        found = { verb, words: words.length };
      }
    }
  }
  return found && { verb: found.verb, name: typed.slice(found.words).join(" ") };
}

/** The text could be a member number or a card's code: it has a digit and no two words. */
export function looksLikeCode(text: string): boolean {
  const plain = latinDigits(text).trim();
  return /^\S{4,64}$/.test(plain) && /\d/.test(plain);
}
