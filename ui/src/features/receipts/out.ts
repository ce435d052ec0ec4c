import { call } from "../../ipc/client.js";
import { explain } from "../../ipc/errors.js";
import type { ReceiptPaper } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { download } from "../../shared/document.js";
import { toasts } from "../../shared/toasts.svelte.js";

/** Runs it and says what came of it; answers whether it worked. */
async function saying(run: () => Promise<string | null>): Promise<boolean> {
  try {
    const done = await run();
    if (done !== null) toasts.done(done);
    return true;
  } catch (error) {
    toasts.problem(explain(error));
    return false;
  }
}

/** On this desk's printer: the original the first time, then copies. */
export function printReceipt(receipt_id: string): Promise<boolean> {
  return saying(async () => {
    const { is_copy } = await call("receipt_print", { receipt_id });
    return is_copy ? m.receipt_is_copied() : m.receipt_is_printed();
  });
}

export function saveReceipt(receipt_id: string, paper: ReceiptPaper): Promise<boolean> {
  return saying(async () => {
    download(await call("receipt_pdf", { receipt_id, paper }));
    return null;
  });
}
