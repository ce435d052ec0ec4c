import type { TaxRate } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { language } from "../../shared/language.svelte.js";

/** "14 %", "5.5 %": of hundredths of a per cent. */
export function percentText(rate_bp: number): string {
  return new Intl.NumberFormat(language.tag, { style: "percent", maximumFractionDigits: 2 }).format(rate_bp / 10_000);
}

/** "VAT (14 %)", and the name alone where it says the rate itself. */
export function rateText(rate: Pick<TaxRate, "name" | "rate_bp">): string {
  if (/[%٪]/.test(rate.name)) return rate.name;
  return m.tax_named({ name: rate.name, rate: percentText(rate.rate_bp) });
}
