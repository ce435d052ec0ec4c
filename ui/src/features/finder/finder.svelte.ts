import { call } from "../../ipc/client.js";
import { explain } from "../../ipc/errors.js";
import type { MemberHit } from "../../ipc/wire.js";
import { latinDigits } from "../../shared/text/digits.js";
import { looksLikeCode, matching, verbIn, type Command, type Verb } from "./commands.js";

/** Longer than the keys of a scanner are apart, shorter than anyone notices. */
const PAUSE_MS = 50;
const SHOWN = 8;

/** One line of the list. */
export type Choice =
  | { kind: "member"; member: MemberHit }
  /** The typed verb, done with this member. */
  | { kind: "act"; verb: Verb; member: MemberHit }
  | { kind: "code"; code: string }
  | { kind: "command"; command: Command };

/** The one box: what is typed, what it finds, which line is marked. */
class Finder {
  text = $state("");
  shown = $state(false);
  marked = $state(0);
  /** The hits belong to this text; while it differs from `text`, an answer is on its way. */
  found_for = $state("");
  hits: MemberHit[] = $state.raw([]);
  problem: string | null = $state(null);
  commands: readonly Command[] = $state.raw([]);
  verbs: readonly Verb[] = $state.raw([]);

  /** Set by the box on the screen. */
  focus: () => void = () => {};

  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Enter came before the answer: choose as soon as it is there. */
  #impatient: ((choice: Choice) => void) | null = null;

  /** "renew mona": what to do, and the name to look for. */
  get act(): { verb: Verb; name: string } | null {
    return verbIn(this.text, this.verbs);
  }

  get choices(): Choice[] {
    const { act } = this;
    const hits = (fuzzy: boolean) => this.hits.filter((hit) => hit.fuzzy === fuzzy);
    if (act) return [...hits(false), ...hits(true)].map((member) => ({ kind: "act", verb: act.verb, member }));
    const members = (fuzzy: boolean) => hits(fuzzy).map((member): Choice => ({ kind: "member", member }));
    const commands = matching(this.text, this.commands).map((command): Choice => ({ kind: "command", command }));
    const code: Choice[] = looksLikeCode(this.text) ? [{ kind: "code", code: latinDigits(this.text).trim() }] : [];
    // A forgiven typo never comes before what was really typed: Enter takes the first line.
    return [...members(false), ...code, ...commands, ...members(true)];
  }

  /** What is looked for among the members. */
  get #query(): string {
    return this.act?.name ?? this.text.trim();
  }

  get waiting(): boolean {
    return this.#query.length >= 2 && this.found_for !== this.text;
  }

  open(): void {
    this.shown = true;
    this.focus();
  }

  /** Somebody began to type with no field in focus. */
  type(text: string): void {
    this.open();
    this.change(this.text + text);
  }

  change(text: string): void {
    this.text = text;
    this.shown = true;
    this.marked = 0;
    this.#impatient = null;
    clearTimeout(this.#timer);
    if (this.#query.length < 2) {
      this.hits = [];
      this.found_for = text;
      return;
    }
    this.#timer = setTimeout(() => void this.#search(text), PAUSE_MS);
  }

  move(by: number): void {
    const last = this.choices.length - 1;
    if (last >= 0) this.marked = Math.min(last, Math.max(0, this.marked + by));
  }

  /** Takes the marked line, or the first one as soon as the search has answered. */
  choose(take: (choice: Choice) => void): void {
    if (this.waiting) {
      this.#impatient = take;
      return;
    }
    const choice = this.choices[this.marked];
    if (!choice) return;
    this.clear();
    take(choice);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.text = "";
    this.found_for = "";
    this.hits = [];
    this.problem = null;
    this.shown = false;
    this.marked = 0;
    this.#impatient = null;
  }

  async #search(text: string): Promise<void> {
    try {
      const { rows } = await call("member_search", { query: this.#query, limit: SHOWN });
      if (this.text !== text) return;
      this.hits = rows;
      this.problem = null;
    } catch (error) {
      if (this.text !== text) return;
      this.hits = [];
      this.problem = explain(error);
    }
    this.found_for = text;
    const take = this.#impatient;
    this.#impatient = null;
    // Who pressed Enter before the list was there has not seen that there are several: they see it now.
    const alike = this.hits.filter((hit) => !hit.fuzzy).length;
    if (take && alike <= 1) this.choose(take);
  }
}

export const finder = new Finder();
