import { m } from "../../paraglide/messages.js";
import type { ActKind } from "./act.svelte.js";

interface Words {
  /** On the button and above the dialog. */
  act: () => string;
  /** After it. */
  done: () => string;
}

const words: Record<ActKind, Words> = {
  freeze: { act: m.do_freeze, done: m.done_freeze },
  thaw: { act: m.act_thaw, done: m.done_thaw },
  gift: { act: m.do_gift, done: m.done_gift },
  change: { act: m.do_change, done: m.done_change },
  transfer: { act: m.do_transfer, done: m.done_transfer },
  auto_renew: { act: m.do_auto_renew_on, done: m.done_auto_renew_on },
  cancel: { act: m.do_cancel, done: m.done_cancel },
  reinstate: { act: m.do_reinstate, done: m.done_reinstate },
};

export function actText(act: ActKind, on = true): string {
  return act === "auto_renew" && !on ? m.do_auto_renew_off() : words[act].act();
}

export function doneText(act: ActKind, on = true): string {
  return act === "auto_renew" && !on ? m.done_auto_renew_off() : words[act].done();
}
