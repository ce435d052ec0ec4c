import * as catalogue from "../paraglide/messages.js";
import { m } from "../paraglide/messages.js";

/** What the border sends when a call fails: a code the interface may react to, and a plain English message. */
export interface WireError {
  code: string;
  message: string;
  field?: string | null;
  params?: Record<string, unknown> | null;
}

/** A call that the server answered with an error. */
export class CallError extends Error {
  readonly code: string;
  readonly field: string | null;
  readonly params: Record<string, unknown>;

  constructor(wire: WireError) {
    super(wire.message);
    this.name = "CallError";
    this.code = wire.code;
    this.field = wire.field ?? null;
    this.params = wire.params ?? {};
  }
}

/** The server could not be asked at all: it is starting, was stopped, or the network is gone. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super("the server did not answer", { cause });
    this.name = "Unreachable";
  }
}

export function isWireError(value: unknown): value is WireError {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as WireError).code === "string" &&
    typeof (value as WireError).message === "string"
  );
}

/** The error in the person's own language: what happened and what to do. */
export function explain(error: unknown): string {
  if (error instanceof Unreachable) return m.error_unreachable();
  if (!(error instanceof CallError)) return m.error_unexpected();
  const text = (catalogue as unknown as Record<string, unknown>)[`error_${error.code}`];
  return typeof text === "function" ? String(text(error.params)) : error.message;
}
