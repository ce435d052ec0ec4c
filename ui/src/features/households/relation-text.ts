import type { Relation } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";

const relations: Record<Relation, () => string> = {
  payer: m.relation_payer,
  adult: m.relation_adult,
  dependent: m.relation_dependent,
};

export function relationText(relation: Relation): string {
  return relations[relation]();
}

export const allRelations: readonly Relation[] = ["payer", "adult", "dependent"];
