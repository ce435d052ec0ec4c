import type { EventKind, TimelineRow } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { moment, money } from "../../shared/place.svelte.js";
import { eventFigures, eventText, isEvent } from "../subscriptions/event-text.js";

export type TimelineKind = "entries" | "subscriptions" | "freezes" | "receipts" | "edits";

const kinds: Record<TimelineKind, () => string> = {
  entries: m.timeline_entries,
  subscriptions: m.timeline_subscriptions,
  freezes: m.timeline_freezes,
  receipts: m.timeline_receipts,
  edits: m.timeline_edits,
};
export const allKinds = Object.keys(kinds) as TimelineKind[];

export function kindText(kind: TimelineKind): string {
  return kinds[kind]();
}

const FREEZES: readonly EventKind[] = ["frozen", "thawed"];

export function kindOf(what: string): TimelineKind {
  if (what === "entry" || what === "entry_undone") return "entries";
  if (isEvent(what)) return FREEZES.includes(what) ? "freezes" : "subscriptions";
  return what.startsWith("receipt_") ? "receipts" : "edits";
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
  "pass.alias_removed": m.timeline_code_removed,
};

export function whatText(what: string): string {
  if (isEvent(what)) return eventText(what);
  return (texts[what] ?? (what.startsWith("receipt_") ? m.timeline_receipt : m.timeline_other))();
}

/** The plan or the receipt's number, then days and money. */
export function rowFacts({ what, title, from_on, until_on, days, amount }: TimelineRow): string[] {
  const figures = isEvent(what) ? eventFigures({ kind: what, starts_on: from_on, ends_on: until_on, days }) : [];
  return [...(title ? [title] : []), ...figures, ...(amount ? [money(amount)] : [])];
}

export function sinceText(at: string): string {
  return m.timeline_none_of_kind({ day: moment(at) });
}
