import type { Measurement } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";

/** What is measured: the stored integer is `factor` times what people say, in `unit`. */
export interface Measure {
  kind: string;
  title: () => string;
  unit: string;
  factor: number;
  decimals: number;
}

export const measures: readonly Measure[] = [
  { kind: "weight", title: m.measure_weight, unit: "kg", factor: 1000, decimals: 1 },
  { kind: "height", title: m.measure_height, unit: "cm", factor: 10, decimals: 1 },
  { kind: "chest", title: m.measure_chest, unit: "cm", factor: 10, decimals: 1 },
  { kind: "waist", title: m.measure_waist, unit: "cm", factor: 10, decimals: 1 },
  { kind: "hips", title: m.measure_hips, unit: "cm", factor: 10, decimals: 1 },
  { kind: "body_fat", title: m.measure_body_fat, unit: "%", factor: 100, decimals: 1 },
];

/** The stored integer of what was typed: 72.4 kg are 72400 grams. */
export function stored(measure: Measure, said: number): number {
  return Math.round(said * measure.factor);
}

/** "72.4 kg", from the stored integer. */
export function spoken(locale: string, measure: Measure, value: number): string {
  const figure = new Intl.NumberFormat(locale, { maximumFractionDigits: measure.decimals });
  // Isolated, so that the unit stays behind its figure inside right-to-left text.
  return `\u2066${figure.format(value / measure.factor)} ${measure.unit}\u2069`;
}

/** One kind over time, oldest first; of several on one day the last one counts. */
export function series(rows: readonly Measurement[], kind: string): Measurement[] {
  const byDay = new Map<string, Measurement>();
  const known = rows.filter((row) => row.kind === kind);
  for (const row of known.toSorted((a, b) => (a.id < b.id ? -1 : 1))) byDay.set(row.measured_on, row);
  return [...byDay.values()].sort((a, b) => (a.measured_on < b.measured_on ? -1 : 1));
}

export interface Point {
  x: number;
  y: number;
}

/** Places values in a box of `width` by `height`: time along, the smallest value at the bottom. */
export function place(values: readonly { at: number; value: number }[], width: number, height: number): Point[] {
  const first = values[0];
  const last = values.at(-1);
  if (!first || !last) return [];
  const low = Math.min(...values.map(({ value }) => value));
  const high = Math.max(...values.map(({ value }) => value));
  return values.map(({ at, value }) => ({
    x: last.at === first.at ? width / 2 : ((at - first.at) / (last.at - first.at)) * width,
    y: high === low ? height / 2 : height - ((value - low) / (high - low)) * height,
  }));
}
