import type { Member } from "../../ipc/wire.js";

const OF_AGE = 18;

/** Somebody answers for them. */
export function isMinor({ age }: Pick<Member, "age">): boolean {
  return age !== null && age < OF_AGE;
}
