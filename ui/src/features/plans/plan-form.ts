import type { AccessWindow, Plan, PlanForm } from "../../ipc/wire.js";

/** A plan as most gyms begin: a month of the gym, at home, at any hour. */
export function emptyPlan(): PlanForm {
  return {
    name: "",
    native_name: null,
    kind: "gym",
    training_type: null,
    tier: null,
    duration_unit: "months",
    duration_count: 1,
    visits: null,
    visit_rule: "per_day",
    access_windows: [],
    branch_scope: "home",
    branch_ids: [],
    freeze_days: 0,
    freeze_times: 0,
    minimum_term_days: 0,
    notice_days: 0,
    trainer_account_id: null,
    tax_rate_id: null,
    auto_renew: false,
  };
}

/** The same as `PlanForm`, as fields hold it. Numbers are null while nothing, or no number, is typed. */
export interface PlanFields extends Record<string, unknown> {
  name: string;
  native_name: string;
  kind: PlanForm["kind"];
  training_type: string;
  tier: string;
  duration_unit: PlanForm["duration_unit"];
  duration_count: number | null;
  visits: number | null;
  visit_rule: PlanForm["visit_rule"];
  access_windows: AccessWindow[];
  branch_scope: PlanForm["branch_scope"];
  branch_ids: string[];
  freeze_days: number | null;
  freeze_times: number | null;
  minimum_term_days: number | null;
  notice_days: number | null;
  trainer_account_id: string | null;
  tax_rate_id: string | null;
  auto_renew: boolean;
  /** Only of a new plan; later prices have days of their own. */
  price_minor: number | null;
}

export function fieldsOf(plan: PlanForm): PlanFields {
  return {
    name: plan.name,
    native_name: plan.native_name ?? "",
    kind: plan.kind,
    training_type: plan.training_type ?? "",
    tier: plan.tier ?? "",
    duration_unit: plan.duration_unit,
    duration_count: plan.duration_count,
    visits: plan.visits,
    visit_rule: plan.visit_rule,
    access_windows: plan.access_windows.map((window) => ({ ...window, days: [...window.days] })),
    branch_scope: plan.branch_scope,
    branch_ids: [...plan.branch_ids],
    freeze_days: plan.freeze_days,
    freeze_times: plan.freeze_times,
    minimum_term_days: plan.minimum_term_days,
    notice_days: plan.notice_days,
    trainer_account_id: plan.trainer_account_id,
    tax_rate_id: plan.tax_rate_id,
    auto_renew: plan.auto_renew,
    price_minor: null,
  };
}

const orNull = (text: string) => (text.trim() === "" ? null : text.trim());

export function formOf(fields: PlanFields): PlanForm {
  const { price_minor: _, ...plan } = fields;
  return {
    ...plan,
    name: fields.name.trim(),
    native_name: orNull(fields.native_name),
    training_type: orNull(fields.training_type),
    tier: orNull(fields.tier),
    duration_count: fields.duration_count ?? 0,
    freeze_days: fields.freeze_days ?? 0,
    freeze_times: fields.freeze_times ?? 0,
    minimum_term_days: fields.minimum_term_days ?? 0,
    notice_days: fields.notice_days ?? 0,
    trainer_account_id: fields.trainer_account_id,
  };
}

/** Plans that cannot be sold come last; otherwise by name in the reader's language. */
export function inOrder(plans: readonly Plan[], locale: string): Plan[] {
  const order = new Intl.Collator(locale, { numeric: true });
  return plans.toSorted(
    (a, b) => Number(a.archived_at !== null) - Number(b.archived_at !== null) || order.compare(a.name, b.name),
  );
}
