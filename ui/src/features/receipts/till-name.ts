import { m } from "../../paraglide/messages.js";

/** Tills are numbered until somebody names them. */
export function tillName(name: string): string {
  return /^\d+$/.test(name) ? m.till_numbered({ number: name }) : name;
}
