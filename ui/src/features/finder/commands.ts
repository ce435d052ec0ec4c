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

/** The text could be a member number or a card's code: it has a digit and no two words. */
export function looksLikeCode(text: string): boolean {
  const plain = latinDigits(text).trim();
  return /^\S{4,64}$/.test(plain) && /\d/.test(plain);
}
