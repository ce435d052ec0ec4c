export type Login = {
  identifier: string;
  password: string;
};
export type Me = {
  account_id: string;
  full_name: string;
  roles: Role[];
  permissions: Permission[];
  branch_id: string;
  desk_id: string;
  has_pin: boolean;
  locked: boolean;
  csrf_token: string;
};
export type Unlock = {
  account_id: string;
  pin: string | null;
  password: string | null;
};
export type DeskPerson = {
  account_id: string;
  full_name: string;
  has_pin: boolean;
};
export type SessionRow = {
  id: string;
  account_id: string;
  full_name: string;
  device: string;
  ip: string | null;
  created_at: string;
  last_seen_at: string;
  second_factor_passed: boolean;
  locked: boolean;
  is_this: boolean;
};
export type RevokeSession = {
  session_id: string;
};
export type ListStaff = {
  search: string | null;
  role: Role | null;
  suspended: boolean | null;
  offset: number;
  limit: number | null;
};
export type StaffPage = {
  rows: StaffRow[];
  total: number;
};
export type StaffRow = {
  id: string;
  full_name: string;
  username: string | null;
  email: string | null;
  phone: string | null;
  roles: Role[];
  has_pin: boolean;
  suspended_at: string | null;
  created_at: string;
};
export type CreateStaff = {
  full_name: string;
  username: string | null;
  email: string | null;
  phone: string | null;
  roles: Role[];
  password: string;
  pin: string | null;
};
export type UpdateStaff = {
  account_id: string;
  full_name: string | null;
  username: string | null;
  email: string | null;
  phone: string | null;
  roles: Role[] | null;
  password: string | null;
  pin: string | null;
};
export type ChooseStaff = {
  account_id: string;
};
export type ChangeOwnSecret = {
  current_password: string;
  new_password: string | null;
  new_pin: string | null;
};
export type PermissionCell = {
  role: Role;
  permission: Permission;
  granted: boolean;
};
export type PermissionMatrix = {
  roles: Role[];
  permissions: Permission[];
  cells: PermissionCell[];
};
export type Source =
  | "webcam"
  | "wedge"
  | "serial"
  | "typed"
  | "search"
  | "picture"
  | "cli";
export type CheckIn = Who & {
  scan_id: string;
  source: Source;
};
export type Who =
  | { code: string }
  | { member: string };
export type LetIn = {
  scan_id: string;
  member_id: string;
  reason: string;
};
export type Outcome =
  | "admitted"
  | "refused"
  | "attention";
export type Reason =
  | { kind: "unknown_pass" }
  | { kind: "forged_pass" }
  | { kind: "ambiguous_number"; member_ids: string[] }
  | { kind: "mistyped_number" }
  | { kind: "pass_revoked"; on: string }
  | { kind: "pass_expired"; seconds_off: number }
  | { kind: "pass_replayed" }
  | { kind: "no_subscription" }
  | { kind: "expired"; ended_on: string }
  | { kind: "not_started"; starts_on: string }
  | { kind: "frozen"; until: string }
  | { kind: "no_visits_left" }
  | { kind: "outside_hours"; opens_at: string | null }
  | { kind: "wrong_branch"; branch: string }
  | { kind: "already_inside"; since: string }
  | { kind: "too_soon"; wait_seconds: number }
  | { kind: "daily_limit"; entries: number }
  | { kind: "debt"; owed: Money }
  | { kind: "suspended" }
  | { kind: "blocked_by_note" }
  | { kind: "capacity_full"; capacity: number }
  | { kind: "ends_soon"; days_left: number }
  | { kind: "last_visit" }
  | { kind: "reminder" }
  | { kind: "let_in_once"; reason: string }
  | { kind: "checked_out"; minutes: number };
export type Verdict = {
  scan_id: string;
  at: string;
  source: Source;
  outcome: Outcome;
  reasons: Reason[];
  member: VerdictMember | null;
  subscription: VerdictSubscription | null;
  notes: string[];
  next_action: NextAction | null;
  can_let_in: boolean;
  entry_id: string | null;
  repeated: boolean;
};
export type VerdictMember = {
  id: string;
  number: string;
  full_name: string;
  native_name: string | null;
  photo_file_id: string | null;
  language: string;
};
export type VerdictSubscription = {
  id: string;
  plan_name: string;
  ends_on: string;
  days_left: number;
  visits_left: number | null;
};
export type NextAction =
  | { kind: "register" };
export type UndoEntry = {
  entry_id: string;
  reason: string | null;
};
export type CheckOut = {
  member_id: string;
};
export type ListFeed = {
  limit: number | null;
};
export type FeedRow = {
  scan_id: string;
  at: string;
  source: Source;
  outcome: Outcome;
  reasons: Reason[];
  member: VerdictMember | null;
  entry_id: string | null;
  undone: boolean;
  can_undo: boolean;
  by: string | null;
};
export type Feed = {
  rows: FeedRow[];
  inside: number;
  capacity: number | null;
};
export type InsideRow = {
  member: VerdictMember;
  entry_id: string;
  since: string;
};
export type Inside = {
  rows: InsideRow[];
  capacity: number | null;
};
export type ListEntries = {
  member_id: string;
  limit: number | null;
  offset: number;
};
export type EntryRow = {
  id: string;
  at: string;
  branch_name: string;
  source: Source;
  plan_name: string | null;
  minutes: number | null;
  undone: boolean;
  override_reason: string | null;
};
export type Entries = {
  rows: EntryRow[];
  total: number;
  limit: number;
  offset: number;
};
export type SetupStatus = {
  is_set_up: boolean;
  gym_name: string | null;
  branch: Branch | null;
  desk: Desk | null;
};
export type SetUp = {
  gym_name: string;
  default_country: string;
  branch_name: string;
  time_zone: string;
  currency: string;
  day_starts_at: number;
  owner_name: string;
  owner_email: string;
  owner_password: string;
  owner_pin: string | null;
};
export type Branch = {
  id: string;
  code: string;
  name: string;
  time_zone: string;
  currency: string;
  currency_exponent: number;
  day_starts_at: number;
  anti_passback_minutes: number;
  auto_checkout_hours: number;
  undo_minutes: number;
  capacity: number | null;
  daily_entries: number | null;
  default_country: string;
};
export type Desk = {
  id: string;
  name: string;
  direction: Direction;
};
export type Direction =
  | "in"
  | "out"
  | "both";
export type UpdateBranch = {
  gym_name: string;
  name: string;
  time_zone: string;
  day_starts_at: number;
  anti_passback_minutes: number;
  auto_checkout_hours: number;
  undo_minutes: number;
  capacity: number | null;
  daily_entries: number | null;
  desk_name: string;
  desk_direction: Direction;
};
export type Sex =
  | "female"
  | "male";
export type FitnessLevel =
  | "beginner"
  | "intermediate"
  | "advanced";
export type MemberForm = {
  full_name: string;
  native_name: string | null;
  phone: string | null;
  email: string | null;
  birth_date: string | null;
  sex: Sex | null;
  emergency_name: string | null;
  emergency_phone: string | null;
  goal: string | null;
  fitness_level: FitnessLevel | null;
  health_conditions: string | null;
  notes: string | null;
  tags: string[];
  custom_fields: Record<string, string>;
  consent: Record<string, boolean>;
  language: string;
};
export type RegisterMember = MemberForm & {
  id: string;
};
export type UpdateMember = MemberForm & {
  id: string;
};
export type Member = MemberForm & {
  id: string;
  number: string;
  photo_file_id: string | null;
  age: number | null;
  bmi: Bmi | null;
  created_at: string;
  suspended_at: string | null;
  door_notes: MemberNote[];
  shares_contact_with: MemberHit[];
};
export type ChooseMember = {
  member_id: string;
};
export type SearchMembers = {
  query: string;
  limit: number | null;
};
export type MemberHit = {
  id: string;
  number: string;
  full_name: string;
  native_name: string | null;
  phone_tail: string | null;
  photo_file_id: string | null;
  suspended: boolean;
  ends_on: string | null;
  fuzzy: boolean;
};
export type MemberHits = {
  rows: MemberHit[];
};
export type ListMembers = {
  search: string | null;
  offset: number;
  limit: number | null;
};
export type MemberPage = {
  rows: MemberHit[];
  total: number;
};
export type SuspendMember = {
  member_id: string;
  suspended: boolean;
  reason: string | null;
};
export type AtDoor =
  | "none"
  | "remind"
  | "block";
export type MemberNote = {
  id: string;
  body: string;
  at_door: AtDoor;
  created_at: string;
  created_by: string | null;
  resolved_at: string | null;
};
export type MemberNotes = {
  rows: MemberNote[];
};
export type AddNote = {
  id: string;
  member_id: string;
  body: string;
  at_door: AtDoor;
};
export type ResolveNote = {
  note_id: string;
};
export type Bmi = {
  tenths: number;
  category: BmiCategory | null;
};
export type BmiCategory =
  | "underweight"
  | "normal"
  | "overweight"
  | "obese_one"
  | "obese_two"
  | "obese_three";
export type AddMeasurement = {
  id: string;
  member_id: string;
  kind: string;
  value: number;
  measured_on: string;
};
export type Measurement = {
  id: string;
  kind: string;
  value: number;
  measured_on: string;
};
export type Measurements = {
  rows: Measurement[];
};
export type SetPhoto = {
  member_id: string;
  picture_base64: string;
};
export type GetPhoto = {
  file_id: string;
  thumbnail: boolean;
};
export type Picture = {
  mime: string;
  base64: string;
};
export type PassKind =
  | "card"
  | "live";
export type Pass = {
  id: string;
  kind: PassKind;
  device: string | null;
  issued_at: string;
  revoked_at: string | null;
  revoked_reason: string | null;
  aliases: string[];
};
export type Passes = {
  rows: Pass[];
};
export type IssueCard = {
  id: string;
  member_id: string;
  replace: boolean;
};
export type RevokePass = {
  pass_id: string;
  reason: string;
};
export type CardFormat =
  | "pdf_cr80"
  | "pdf_a4"
  | "png";
export type PrintCard = {
  pass_ids: string[];
  format: CardFormat;
};
export type Document = {
  mime: string;
  file_name: string;
  base64: string;
};
export type AddAlias = {
  member_id: string;
  code: string;
};
export type RemoveAlias = {
  code: string;
};
export type Method =
  | "cash"
  | "card_terminal";
export type Payment = {
  method: Method;
  amount: Money;
  tendered: Money | null;
  reference: string | null;
};
export type PlanKind =
  | "gym"
  | "class"
  | "personal_training"
  | "day_pass"
  | "visit_pack"
  | "course";
export type DurationUnit =
  | "days"
  | "months";
export type VisitRule =
  | "per_day"
  | "per_entry";
export type BranchScope =
  | "home"
  | "listed"
  | "all";
export type AccessWindow = {
  days: number[];
  from: string;
  to: string;
};
export type PlanForm = {
  name: string;
  native_name: string | null;
  kind: PlanKind;
  training_type: string | null;
  tier: string | null;
  duration_unit: DurationUnit;
  duration_count: number;
  visits: number | null;
  visit_rule: VisitRule;
  access_windows: AccessWindow[];
  branch_scope: BranchScope;
  branch_ids: string[];
  freeze_days: number;
  freeze_times: number;
  minimum_term_days: number;
  notice_days: number;
};
export type CreatePlan = PlanForm & {
  id: string;
  price_minor: number;
};
export type UpdatePlan = PlanForm & {
  id: string;
};
export type ListPlans = {
  archived: boolean;
};
export type Plan = PlanForm & {
  id: string;
  price: Money | null;
  prices: PlanPrice[];
  archived_at: string | null;
};
export type Plans = {
  rows: Plan[];
};
export type PlanPrice = {
  id: string;
  branch_id: string | null;
  from: string;
  until: string | null;
  price: Money;
};
export type SetPrice = {
  plan_id: string;
  from: string;
  price_minor: number;
  only_this_branch: boolean;
};
export type ChoosePlan = {
  plan_id: string;
};
export type Status =
  | "upcoming"
  | "active"
  | "frozen"
  | "overdue"
  | "expired"
  | "cancelled"
  | "completed";
export type Subscription = {
  id: string;
  plan_id: string;
  plan_name: string;
  kind: PlanKind;
  duration_unit: DurationUnit;
  duration_count: number;
  status: Status;
  starts_on: string;
  ends_on: string;
  remaining_days: number | null;
  visits_total: number | null;
  visits_left: number | null;
  freeze_days_remaining: number;
  opens_door: boolean;
  owed: Money;
  events: SubscriptionEvent[];
};
export type SubscriptionEvent = {
  id: string;
  kind: EventKind;
  at: string;
  starts_on: string | null;
  ends_on: string | null;
  visits: number | null;
  by: string | null;
  reason: string | null;
  transaction_id: string | null;
  amount: Money | null;
  voided: boolean;
  voidable_until: string | null;
};
export type EventKind =
  | "sold"
  | "renewed"
  | "taken_over"
  | "voided";
export type Subscriptions = {
  rows: Subscription[];
};
export type Offer =
  | { kind: "new"; member_id: string; plan_id: string; starts_on: string | null }
  | { kind: "renew"; subscription_id: string; from_old_end: boolean };
export type SalePreview = {
  member_id: string;
  plan_name: string;
  starts_on: string;
  ends_on: string;
  visits: number | null;
  total: Money;
  alternative_start: string | null;
  warnings: string[];
};
export type Sell = Offer & {
  idempotency_key: string;
  expected_total: Money;
  payments: Payment[];
};
export type Sale = {
  transaction_id: string;
  subscription_id: string;
  event_id: string;
  starts_on: string;
  ends_on: string;
  total: Money;
  change: Money;
};
export type TakeOver = {
  idempotency_key: string;
  member_id: string;
  plan_id: string;
  starts_on: string;
  ends_on: string;
  visits_left: number | null;
};
export type VoidSale = {
  idempotency_key: string;
  transaction_id: string;
  reason: string;
};
export type Voided = {
  transaction_id: string;
  returned: Payment[];
};
export type Role = "owner" | "manager" | "reception" | "accountant" | "trainer" | "store_keeper" | "member";
export type Permission = "check_in" | "override" | "undo_entry" | "view_members" | "edit_members" | "suspend_members" | "issue_pass" | "revoke_pass" | "sell" | "void_sale" | "take_over" | "see_money" | "edit_plans" | "manage_staff" | "manage_roles" | "edit_settings" | "import_members" | "see_audit";
export interface Money { minor: number; currency: string }

type Ask<Request, Response> = { request: Request; response: Response };
declare module "./commands.js" {
  interface Commands {
    set_up: Ask<SetUp, Me>;
    sessions_list: Ask<null, SessionRow[]>;
    session_revoke: Ask<RevokeSession, null>;
    staff_list: Ask<ListStaff, StaffPage>;
    staff_create: Ask<CreateStaff, StaffRow>;
    staff_update: Ask<UpdateStaff, StaffRow>;
    staff_suspend: Ask<ChooseStaff, null>;
    staff_reactivate: Ask<ChooseStaff, null>;
    staff_delete: Ask<ChooseStaff, null>;
    own_secret_change: Ask<ChangeOwnSecret, null>;
    permission_matrix: Ask<null, PermissionMatrix>;
    permission_set: Ask<PermissionCell, PermissionMatrix>;
    branch_get: Ask<null, Branch>;
    branch_update: Ask<UpdateBranch, SetupStatus>;
    member_list: Ask<ListMembers, MemberPage>;
    member_get: Ask<ChooseMember, Member>;
    member_register: Ask<RegisterMember, Member>;
    member_update: Ask<UpdateMember, Member>;
    member_suspend: Ask<SuspendMember, Member>;
    member_note_add: Ask<AddNote, MemberNote>;
    member_note_resolve: Ask<ResolveNote, MemberNote>;
    measurement_add: Ask<AddMeasurement, Measurement>;
    measurements: Ask<ChooseMember, Measurements>
    member_notes: Ask<ChooseMember, MemberNotes>;
    member_photo_set: Ask<SetPhoto, Member>;
    member_entries: Ask<ListEntries, Entries>;
    plan_list: Ask<ListPlans, Plans>;
    plan_create: Ask<CreatePlan, Plan>;
    plan_update: Ask<UpdatePlan, Plan>;
    plan_archive: Ask<ChoosePlan, Plan>;
    plan_restore: Ask<ChoosePlan, Plan>;
    plan_price_set: Ask<SetPrice, Plan>;
    sale_preview: Ask<Offer, SalePreview>;
    sell: Ask<Sell, Sale>;
    take_over: Ask<TakeOver, Sale>;
    sale_void: Ask<VoidSale, Voided>;
    member_subscriptions: Ask<ChooseMember, Subscriptions>;
    pass_list: Ask<ChooseMember, Passes>;
    pass_issue: Ask<IssueCard, Pass>;
    pass_revoke: Ask<RevokePass, Pass>;
    pass_print: Ask<PrintCard, Document>;
    alias_add: Ask<AddAlias, Pass>;
    alias_remove: Ask<RemoveAlias, null>;
    desk_pause: Ask<null, null>;
    desk_resume: Ask<null, null>;
    desk_photo: Ask<null, Picture>;
  }
}
