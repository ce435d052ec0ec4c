import type { Counted } from "../../ipc/wire.js";

/** What somebody counts: so many of each note and coin, or one sum. */
export class Count {
  lines: { minor: number; count: number | null }[] = $state([]);
  /** One sum, in minor units. */
  total: number | null = $state(null);
  in_one: boolean = $state(false);

  /** Without denominations a drawer is counted in one sum. */
  constructor(denominations: readonly number[], in_one = false) {
    this.lines = denominations.map((minor) => ({ minor, count: null }));
    this.in_one = in_one || denominations.length === 0;
  }

  /** In minor units. */
  get sum(): number {
    if (this.in_one) return this.total ?? 0;
    return this.lines.reduce((sum, { minor, count }) => sum + minor * (count ?? 0), 0);
  }

  /** As it is sent; null while nothing was counted: an empty drawer is a typed 0. */
  get counted(): Counted | null {
    if (this.in_one) return this.total === null ? null : { total: this.total };
    if (this.lines.every(({ count }) => count === null)) return null;
    return { lines: this.lines.flatMap(({ minor, count }) => (count ? [{ minor, count }] : [])) };
  }
}
