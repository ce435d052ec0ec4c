import type { TimelineKind, TimelineRow } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { money } from "../../shared/place.svelte.js";
import { eventFigures, eventText, isEvent } from "../subscriptions/event-text.js";

const kinds: Record<TimelineKind, () => string> = {
  entries: m.timeline_entries,
  subscriptions: m.timeline_subscriptions,
  freezes: m.timeline_freezes,
  receipts: m.timeline_receipts,
  passes: m.timeline_passes,
  edits: m.timeline_edits,
};
export const allKinds = Object.keys(kinds) as TimelineKind[];

export function kindText(kind: TimelineKind): string {
  return kinds[kind]();
}

const texts: Record<string, () => string> = {
  entry: m.timeline_entry,
  entry_undone: m.timeline_entry_undone,
  receipt_sale: m.timeline_receipt_sale,
  receipt_payment: m.timeline_receipt_payment,
  receipt_refund: m.timeline_receipt_refund,
  receipt_void: m.timeline_receipt_void,
  "member.registered": m.timeline_registered,
  "member.updated": m.timeline_updated,
  "member.suspended": m.timeline_suspended,
  "member.reinstated": m.timeline_reinstated,
  "member.imported": m.timeline_imported,
  "member.measured": m.timeline_measured,
  "member.photo_set": m.timeline_photo,
  "member.note_added": m.timeline_note_added,
  "member.note_resolved": m.timeline_note_resolved,
  "pass.issued": m.timeline_card_issued,
  "pass.phone_added": m.timeline_phone_added,
  "pass.revoked": m.timeline_pass_revoked,
  "pass.alias_added": m.timeline_code_added,
  "pass.alias_removed": m.timeline_code_removed,
  "household.joined": m.timeline_household_joined,
  "household.left": m.timeline_household_left,
};

export function whatText(what: string): string {
  if (isEvent(what)) return eventText(what);
  return (texts[what] ?? (what.startsWith("receipt_") ? m.timeline_receipt : m.timeline_other))();
}

/** The plan, receipt, code or household, then days and money. */
export function rowFacts({ what, title, from_on, until_on, days, amount }: TimelineRow): string[] {
  const figures = isEvent(what) ? eventFigures({ kind: what, starts_on: from_on, ends_on: until_on, days }) : [];
  return [...(title ? [title] : []), ...figures, ...(amount ? [money(amount)] : [])];
}

/** What somebody said; a card that took another one's place says so itself. */
export function reasonText({ what, reason }: TimelineRow): string | null {
  return what === "pass.revoked" && reason === "replaced" ? m.timeline_card_replaced() : reason;
}
