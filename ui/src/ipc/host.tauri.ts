import { invoke } from "@tauri-apps/api/core";
import { CallError, isWireError, Unreachable } from "./errors.js";

/** Calls from the desktop window: one Tauri command carries them all. */
export async function call(command: string, request: unknown): Promise<unknown> {
  try {
    return await invoke("rpc", { command, request });
  } catch (error) {
    if (isWireError(error)) throw new CallError(error);
    throw new Unreachable(error);
  }
}
