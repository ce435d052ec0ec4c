import type { DurationUnit } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";

/** "3 months · 10 visits". */
export function durationText(plan: {
  duration_unit: DurationUnit;
  duration_count: number;
  visits?: number | null;
}): string {
  const count = plan.duration_count;
  const length = plan.duration_unit === "months" ? m.plan_months({ count }) : m.plan_days({ count });
  return plan.visits ? `${length} · ${m.plan_visits({ count: plan.visits })}` : length;
}
