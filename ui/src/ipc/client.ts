import type { Commands } from "./bindings/commands.js";
import * as http from "./host.http.js";
import * as tauri from "./host.tauri.js";

export type Request<C extends keyof Commands> = Commands[C]["request"];
export type Response<C extends keyof Commands> = Commands[C]["response"];

export const inDesktopWindow = "__TAURI_INTERNALS__" in globalThis;

/** Asks the server. Throws `CallError` when it says no, and `Unreachable` when it says nothing. */
export async function call<C extends keyof Commands>(
  command: C,
  ...[request]: Request<C> extends null ? [] : [request: Request<C>]
): Promise<Response<C>> {
  const host = inDesktopWindow ? tauri : http;
  return (await host.call(command, request ?? null)) as Response<C>;
}
