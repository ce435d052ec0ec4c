import { call } from "../../ipc/client.js";
import type { MoveStock, Product, StockKind } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { Once } from "../payments/once.svelte.js";

/** What people book; sales are written by the counter. */
export type Move = Exclude<StockKind, "sale">;

export const moves = ["delivery", "count", "waste", "return"] as const satisfies Move[];

const names: Record<StockKind, () => string> = {
  delivery: m.stock_delivery,
  return: m.stock_return,
  waste: m.stock_waste,
  count: m.stock_count,
  sale: m.stock_sale,
};

export const moveText = (kind: StockKind) => names[kind]();

/** One movement of a product's stock, booked once, whatever the network does. */
export class StockMove {
  kind: Move = $state("delivery");
  quantity: number | null = $state(null);
  note = $state("");
  /** Somebody tried to book it: from then on what is missing is named. */
  tried = $state(false);
  readonly once = new Once(
    (move: MoveStock) => call("stock_move", move),
    async () => {},
  );

  constructor(readonly product: Product) {}

  get problem(): string | undefined {
    if (this.quantity === null) return m.error_number();
    if (this.kind === "count") return this.quantity < 0 ? m.error_out_of_range() : undefined;
    return this.quantity < 1 ? m.error_quantity_not_positive() : undefined;
  }

  /** What will be in stock; null while nothing that can be booked is typed. */
  get then(): number | null {
    if (this.quantity === null || this.problem !== undefined) return null;
    if (this.kind === "count") return this.quantity;
    return this.product.stock + (this.kind === "waste" ? -this.quantity : this.quantity);
  }

  async commit(): Promise<void> {
    this.tried = true;
    const { quantity } = this;
    const note = this.note.trim();
    const complete = quantity !== null && this.problem === undefined;
    await this.once.send(
      complete
        ? {
            idempotency_key: this.once.key,
            product_id: this.product.id,
            kind: this.kind,
            quantity,
            note: note === "" ? null : note,
          }
        : null,
    );
  }
}
