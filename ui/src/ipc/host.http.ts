import { CallError, isWireError, Unreachable } from "./errors.js";

let csrf = "";

/** The token that every state change carries; `me` and the log-in answer with it. */
export function useCsrfToken(token: string): void {
  csrf = token;
}

/** Calls from a browser, to the server that also served this page. */
export async function call(command: string, request: unknown): Promise<unknown> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(`/rpc/${command}`, {
      method: "POST",
      credentials: "same-origin",
      headers: { "content-type": "application/json", "x-gatehouse-csrf": csrf },
      body: JSON.stringify(request ?? null),
    });
    const text = await response.text();
    body = text === "" ? null : JSON.parse(text);
  } catch (error) {
    throw new Unreachable(error);
  }
  if (response.ok) return body;
  if (isWireError(body)) throw new CallError(body);
  throw new Unreachable(new Error(`HTTP ${response.status}`));
}
