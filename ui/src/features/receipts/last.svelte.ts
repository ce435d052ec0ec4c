import type { Money } from "../../ipc/wire.js";
import { printReceipt } from "./out.js";

/** A receipt that was just given. */
export interface Given {
  receipt_id: string;
  receipt_number: number;
  /** Cash to hand back, where there is any. */
  change: Money | null;
}

/** The receipt of the last sale at this desk: to print, to mail, and for its change to stay in sight. */
class LastReceipt {
  given: Given | null = $state.raw(null);
  /** Its address is being asked for. */
  mailing = $state(false);
  printing = $state(false);

  /** An act without money, or whose money goes another way, gives no receipt here and leaves the one before. */
  show(act: { receipt_id: string | null; receipt_number: number | null; change?: Money } | null): void {
    if (!act || act.receipt_id === null || act.receipt_number === null) return;
    const change = act.change && act.change.minor > 0 ? act.change : null;
    this.given = { receipt_id: act.receipt_id, receipt_number: act.receipt_number, change };
  }

  /** On the desk's printer. */
  async print(): Promise<void> {
    if (!this.given || this.printing) return;
    this.printing = true;
    await printReceipt(this.given.receipt_id);
    this.printing = false;
  }

  clear(): void {
    this.given = null;
    this.mailing = false;
  }
}

export const lastReceipt = new LastReceipt();
