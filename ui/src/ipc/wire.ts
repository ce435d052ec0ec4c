export type Role = "owner" | "manager" | "reception" | "accountant" | "trainer" | "store_keeper" | "member";
export type Permission =
  | "check_in" | "override" | "undo_entry" | "view_members" | "edit_members" | "suspend_members" | "issue_pass"
  | "revoke_pass" | "sell" | "void_sale" | "take_over" | "see_money" | "edit_plans" | "manage_staff" | "manage_roles"
  | "edit_settings" | "import_members" | "see_audit";
export interface Money { minor: number; currency: string }
export interface Me {
  account_id: string; full_name: string; roles: Role[]; permissions: Permission[]; branch_id: string; desk_id: string;
  has_pin: boolean; locked: boolean; csrf_token: string;
}
export interface DeskPerson { account_id: string; full_name: string; has_pin: boolean }
export interface Branch {
  id: string; code: string; name: string; time_zone: string; currency: string; currency_exponent: number;
  day_starts_at: number; anti_passback_minutes: number; auto_checkout_hours: number; undo_minutes: number;
  capacity: number | null; daily_entries: number | null; default_country: string;
}
export interface SetupStatus {
  is_set_up: boolean; gym_name: string | null; branch: Branch | null;
  desk: { id: string; name: string; direction: "in" | "out" | "both" } | null;
}
export type Source = "webcam" | "wedge" | "serial" | "typed" | "search" | "picture" | "cli";
export type Outcome = "admitted" | "refused" | "attention";
export type Reason =
  | { kind: "unknown_pass" } | { kind: "forged_pass" } | { kind: "ambiguous_number"; member_ids: string[] }
  | { kind: "mistyped_number" } | { kind: "pass_revoked"; on: string } | { kind: "pass_expired"; seconds_off: number }
  | { kind: "pass_replayed" } | { kind: "no_subscription" } | { kind: "expired"; ended_on: string }
  | { kind: "not_started"; starts_on: string } | { kind: "frozen"; until: string } | { kind: "no_visits_left" }
  | { kind: "outside_hours"; opens_at: string | null } | { kind: "wrong_branch"; branch: string }
  | { kind: "already_inside"; since: string } | { kind: "too_soon"; wait_seconds: number }
  | { kind: "daily_limit"; entries: number } | { kind: "debt"; owed: Money } | { kind: "suspended" }
  | { kind: "blocked_by_note" } | { kind: "capacity_full"; capacity: number } | { kind: "ends_soon"; days_left: number }
  | { kind: "last_visit" } | { kind: "reminder" } | { kind: "let_in_once"; reason: string }
  | { kind: "checked_out"; minutes: number } | { kind: "not_inside" } | { kind: "desk_clock_off"; seconds_off: number };
export interface VerdictMember {
  id: string; number: string; full_name: string; native_name: string | null; photo_file_id: string | null; language: string;
}
export interface VerdictSubscription {
  id: string; plan_name: string; ends_on: string; days_left: number; visits_left: number | null;
}
export type NextAction =
  | { kind: "renew"; subscription_id: string; plan_name: string; price: Money | null }
  | { kind: "sell"; member_id: string; plan_id: string | null; price: Money | null }
  | { kind: "register" } | { kind: "open_member"; member_id: string };
export interface Verdict {
  scan_id: string; at: string; source: Source; outcome: Outcome; reasons: Reason[]; member: VerdictMember | null;
  subscription: VerdictSubscription | null; notes: string[]; next_action: NextAction | null; can_let_in: boolean;
  entry_id: string | null; repeated: boolean;
}
export interface FeedRow {
  scan_id: string; at: string; source: Source; outcome: Outcome; reasons: Reason[]; member: VerdictMember | null;
  entry_id: string | null; undone: boolean; can_undo: boolean; by: string | null;
}
export interface Feed { rows: FeedRow[]; inside: number; capacity: number | null }
export interface InsideRow { member: VerdictMember; entry_id: string; since: string }
export interface Inside { rows: InsideRow[]; capacity: number | null }
export interface MemberHit {
  id: string; number: string; full_name: string; native_name: string | null; phone_tail: string | null;
  photo_file_id: string | null; suspended: boolean; ends_on: string | null; fuzzy: boolean;
}
export interface Picture { mime: string; base64: string }
export interface CameraView { state: string; detail: string | null; source: string | null }
export interface CameraRow { source: string; name: string }
export interface DeskSources { cameras: CameraRow[]; camera: CameraView }
export type DeskEvent =
  | { kind: "verdict"; verdict: Verdict } | { kind: "camera"; camera: CameraView } | { kind: "feed_changed" };
export interface DeskNews { seq: number; events: DeskEvent[]; missed: boolean }
export interface DeskFrame { jpeg_base64: string | null; camera: CameraView }
