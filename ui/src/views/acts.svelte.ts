import type { Wish } from "../features/sales/sale.svelte.js";
import type { ActWish } from "../features/subscriptions/act.svelte.js";
import type { NextAction } from "../ipc/wire.js";
import type { MemberTab } from "./opened.svelte.js";

/**
 * Acts that lead out of a screen. Whoever has the dialog for one puts it in; a screen shows no key or button for an
 * act that nobody offers.
 */
class Acts {
  sell: ((wish: Wish) => void) | null = $state(null);
  register: ((name: string) => void) | null = $state(null);
  take_over: ((member_id: string) => void) | null = $state(null);
  open_member: ((member_id: string, tab?: MemberTab) => void) | null = $state(null);

  pay: ((member_id: string) => void) | null = $state(null);
  act: ((wish: ActWish) => void) | null = $state(null);
  receipt: ((receipt_id: string) => void) | null = $state(null);

  /** The act behind a verdict's button, if somebody offers it. */
  of(action: NextAction): (() => void) | null {
    const { sell, register, open_member, act, pay } = this;
    switch (action.kind) {
      case "renew":
        return sell && (() => sell({ subscription_id: action.subscription_id }));
      case "sell":
        return sell && (() => sell({ member_id: action.member_id, plan_id: action.plan_id }));
      case "register":
        return register && (() => register(""));
      case "pay":
        return pay && (() => pay(action.member_id));
      case "open_member":
        return open_member && (() => open_member(action.member_id));
      case "thaw":
        return act && (() => act({ subscription_id: action.subscription_id, act: "thaw" }));
    }
  }
}

export const acts = new Acts();
