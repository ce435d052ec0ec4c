import { call } from "../../ipc/client.js";
import { explain } from "../../ipc/errors.js";
import type { ActPreview, CancelWhen, DoAct, MemberHit, Permission, PreviewAct, Subscription } from "../../ipc/wire.js";
import { Once } from "../payments/once.svelte.js";
import type { Paid } from "../payments/paying.js";
import { branchRounding } from "../payments/rounding.js";
import { Tender } from "../payments/tender.svelte.js";

export type ActKind = PreviewAct["act"];

/** What somebody wants to do to a subscription. */
export interface ActWish {
  subscription_id: string;
  act: ActKind;
  /** For `auto_renew`: what it shall be. */
  on?: boolean;
  /** For `change`: the plan it has, which is not the first to be offered. */
  plan_id?: string;
}

const needs: Record<ActKind, Permission> = {
  freeze: "freeze_subscriptions",
  thaw: "freeze_subscriptions",
  gift: "gift_days",
  change: "sell",
  transfer: "transfer_subscriptions",
  auto_renew: "cancel_subscriptions",
  cancel: "cancel_subscriptions",
  reinstate: "cancel_subscriptions",
};

/** What can be done to a subscription now, by whoever is on the desk. The server decides again. */
export function actsFor(one: Subscription, may: (permission: Permission) => boolean): ActKind[] {
  const lives = one.status === "upcoming" || one.status === "active" || one.status === "overdue" || one.status === "frozen";
  const frozen = one.status === "frozen";
  const ends = one.events.findLast(({ kind, voided }) => !voided && /^(cancelled|reinstated|changed|transferred)$/.test(kind));
  const possible: Record<ActKind, boolean> = {
    freeze: lives && one.frozen_from === null,
    thaw: one.frozen_from !== null,
    gift: lives || one.status === "completed",
    change: lives && !frozen,
    transfer: lives && !frozen,
    auto_renew: lives && one.cancelled_on === null,
    cancel: lives && one.cancelled_on === null,
    reinstate: ends?.kind === "cancelled",
  };
  return (Object.keys(possible) as ActKind[]).filter((act) => possible[act] && may(needs[act]));
}

/** Terms that only somebody who may waive them can set aside, and says why. */
const WAIVED = new Set(["minimum_term", "notice", "freeze_limit"]);

/** One opening of the dialog: one act at most, whatever the network does. */
export class ActDesk {
  from = $state("");
  days: number | null = $state(null);
  visits: number | null = $state(null);
  when: CancelWhen = $state("at_end");
  plan_id = $state("");
  keep_end = $state(true);
  to: Pick<MemberHit, "id" | "full_name"> | null = $state.raw(null);
  reason = $state("");
  preview: ActPreview | null = $state.raw(null);
  /** Why there is no preview. */
  problem: string | null = $state(null);

  readonly tender = new Tender();
  readonly once = new Once(
    (act: DoAct) => call("subscription_act", act),
    () => this.ask(),
  );

  #inCash = $state.raw((minor: number) => minor);
  #asked = 0;
  /** What the preview answers. */
  #previewed = $state("");

  constructor(readonly wish: ActWish) {
    if (wish.act === "freeze" || wish.act === "gift") this.days = 7;
  }

  /** The act as it is sent; null while something of it is not chosen yet. */
  get request(): PreviewAct | null {
    const { subscription_id, act, on } = this.wish;
    const from = this.from === "" ? null : this.from;
    switch (act) {
      case "freeze":
        return this.days ? { subscription_id, act, from, days: this.days } : null;
      case "gift":
        if (!this.days && !this.visits) return null;
        return { subscription_id, act, days: this.days ?? 0, visits: this.visits ?? 0 };
      case "cancel":
        return { subscription_id, act, when: this.when };
      case "change":
        return this.plan_id === "" ? null : { subscription_id, act, plan_id: this.plan_id, keep_end: this.keep_end, from };
      case "transfer":
        return this.to ? { subscription_id, act, to_member_id: this.to.id, from } : null;
      case "auto_renew":
        return { subscription_id, act, on: on ?? false };
      case "thaw":
      case "reinstate":
        return { subscription_id, act };
    }
  }

  /** The preview shows what stands in the fields now. */
  get fresh(): boolean {
    return this.preview !== null && this.#previewed === JSON.stringify(this.request);
  }

  get waives(): boolean {
    return this.preview?.warnings.some((code) => WAIVED.has(code)) ?? false;
  }

  get reason_missing(): boolean {
    return this.waives && this.reason.trim() === "";
  }

  paid: Paid | null = $derived.by(() => {
    const { preview } = this;
    return preview && this.tender.paid({ total: preview.due, inCash: this.#inCash }, 0);
  });

  /** Learns how cash is rounded, where the act may cost something. */
  async open(): Promise<void> {
    if (this.wish.act === "change") this.#inCash = await branchRounding();
  }

  /** What it would come to, by the code that will do it. The last answer stays until there is a new one. */
  async ask(): Promise<void> {
    const { request } = this;
    const question = ++this.#asked;
    if (!request) {
      this.preview = this.problem = null;
      return;
    }
    try {
      const preview = await call("subscription_preview", request);
      if (question !== this.#asked) return;
      if (preview.due.minor !== this.preview?.due.minor) this.tender.reset();
      this.preview = preview;
      this.problem = null;
      this.#previewed = JSON.stringify(request);
    } catch (error) {
      if (question !== this.#asked) return;
      this.preview = null;
      this.problem = explain(error);
    }
  }

  /** Does it, once. */
  async commit(): Promise<void> {
    const { request, preview, paid } = this;
    const reason = this.reason.trim();
    const act: DoAct | null =
      request && preview && this.fresh && paid?.ready && !this.reason_missing
        ? {
            ...request,
            idempotency_key: this.once.key,
            version: preview.version,
            reason: reason === "" ? null : reason,
            expected_due: preview.due,
            payments: paid.payments,
            owe_until: paid.owed > 0 ? this.tender.owe_until : null,
          }
        : null;
    await this.once.send(act);
  }
}
