import { call } from "../../ipc/client.js";

/** An amount as it is paid in cash: the nearest multiple of `step` minor units, half a step up; as the server does. */
export function inCashBy(step: number): (minor: number) => number {
  return (minor) => (step <= 1 ? minor : Math.floor((Math.max(0, minor) + Math.floor(step / 2)) / step) * step);
}

/** How this branch rounds cash now. */
export async function branchRounding(): Promise<(minor: number) => number> {
  const { cash_rounding_minor } = await call("money_settings_get");
  return inCashBy(cash_rounding_minor);
}
