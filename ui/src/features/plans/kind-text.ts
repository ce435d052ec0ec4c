import type { PlanKind } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";

const texts: Record<PlanKind, () => string> = {
  gym: m.kind_gym,
  class: m.kind_class,
  personal_training: m.kind_personal_training,
  day_pass: m.kind_day_pass,
  visit_pack: m.kind_visit_pack,
  course: m.kind_course,
};

export const planKinds = Object.keys(texts) as PlanKind[];

export function kindText(kind: PlanKind): string {
  return texts[kind]();
}
