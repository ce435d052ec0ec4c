import type { SyncConflict, SyncKind, SyncRow, SyncState } from "../../ipc/wire.js";
import * as catalogue from "../../paraglide/messages.js";
import { m } from "../../paraglide/messages.js";
import { eventText, isEvent } from "../subscriptions/event-text.js";

const words = catalogue as unknown as Record<string, ((values?: object) => string) | undefined>;

/** A word of the catalogue under a name that comes from the database; the name itself where there is none. */
function word(prefix: string, name: string): string {
  return words[`${prefix}${name}`]?.() ?? name;
}

export function kindText(kind: SyncKind): string {
  return word("sync_kind_", kind);
}

/** What happened: "Sale", "Scan: welcome", "Member, changed". */
export function what({ table, op, act }: Pick<SyncRow, "table" | "op" | "act">): string {
  if (act !== null) {
    if (table === "scans") return word("sync_scan_", act);
    if (table === "ledger_transactions") return word("sync_booking_", act);
    if (table === "subscription_events" && isEvent(act)) return eventText(act);
  }
  const thing = word("sync_table_", table);
  if (op === "update") return m.sync_op_update({ thing });
  if (op === "delete") return m.sync_op_delete({ thing });
  return op === "insert" ? m.sync_op_insert({ thing }) : thing;
}

/** Fields whose word is on a form somewhere. */
const fields: Record<string, () => string> = {
  full_name: m.member_name,
  native_name: m.member_native_name,
  phone: m.member_phone,
  email: m.member_email,
  birth_date: m.member_birth_date,
  sex: m.member_sex,
  emergency_name: m.member_emergency_name,
  emergency_phone: m.member_emergency_phone,
  goal: m.member_goal,
  fitness_level: m.member_level,
  health_conditions: m.member_health,
  notes: m.member_notes,
  tags: m.member_tags,
  consent: m.member_consent,
  language: m.member_language,
  "*": m.sync_whole_row,
};

export function fieldText(field: string): string {
  return fields[field]?.() ?? word("sync_field_", field);
}

/** Rules that have a sentence of their own; patterns for those that are alike. */
const reasons: readonly (readonly [RegExp, () => string])[] = [
  [/^not_yours$|^headquarters_owns$/, m.sync_reason_not_yours],
  [/^another_row$/, m.sync_reason_another_row],
  [/^forged_id$/, m.sync_reason_forged_id],
  [/^malformed$/, m.sync_reason_malformed],
  [/^sync_parent$|_fkey$/, m.sync_reason_missing],
  [/^accounts_username_key$/, m.sync_reason_username],
  [/^accounts_email_key$/, m.sync_reason_email],
  [/^accounts_phone_key$/, m.sync_reason_phone],
  [/^members_number_key$/, m.sync_reason_number],
  [/^household_members_one_key$/, m.sync_reason_household],
  [/^payment_mandates_one_key$/, m.sync_reason_mandate],
  [/^open_charges_not_overpaid$/, m.sync_reason_overpaid],
  [/^payment_balances_not_overused$/, m.sync_reason_overused],
  [/^payment_balances_not_overrefunded$/, m.sync_reason_overrefunded],
  [/^ledger_entries_balance$/, m.sync_reason_balance],
  [/^till_shifts_(?:open|closed_stays)$/, m.sync_reason_till],
  [/^revoked$/, m.sync_reason_revoked],
  [/^unknown$/, m.sync_reason_unknown],
  [/^branches_differ$/, m.sync_reason_branches_differ],
  [/^too_much$/, m.sync_reason_too_much],
  [/_(?:pkey|key)$/, m.sync_reason_taken],
  [/_(?:known|length|range|positive|in_order|within|named|not_zero)$/, m.sync_reason_value],
];

/** Why something was set aside, as a sentence; none for a rule that nobody has put into words. */
export function reasonText(reason: string): string | null {
  return reasons.find(([rule]) => rule.test(reason))?.[1]() ?? null;
}

export function stateChip(state: SyncState): { kind: "admit" | "attention" | "refuse" | "info" | "plain"; text: string } {
  switch (state) {
    case "waiting":
      return { kind: "info", text: m.sync_state_waiting() };
    case "arrived":
      return { kind: "admit", text: m.sync_state_arrived() };
    case "conflict":
      return { kind: "attention", text: m.sync_state_conflict() };
    case "aside":
      return { kind: "refuse", text: m.sync_state_aside() };
    case "left_out":
      return { kind: "plain", text: m.sync_state_left_out() };
    case "refused":
      return { kind: "refuse", text: m.sync_state_refused() };
    case "offered":
      return { kind: "attention", text: m.sync_state_offered() };
  }
}

/** Something on the row is for somebody to do. */
export function asks(row: Pick<SyncRow, "state" | "conflicts">): boolean {
  return row.state === "aside" || row.conflicts.some((conflict: SyncConflict) => conflict.decided === null);
}
