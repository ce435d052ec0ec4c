import { latinDigits } from "./digits.js";

/** An amount in minor units (cents, piastres, fils) and its ISO 4217 code. Never a float. */
export interface Amount {
  minor: number;
  currency: string;
}

/** Decimal places where they are not 2 (ISO 4217); `Intl` differs from the standard for some, so it is not asked. */
const PLACES: Record<string, number> = {
  BHD: 3, IQD: 3, JOD: 3, KWD: 3, LYD: 3, OMR: 3, TND: 3,
  BIF: 0, CLP: 0, DJF: 0, GNF: 0, ISK: 0, JPY: 0, KMF: 0, KRW: 0, PYG: 0,
  RWF: 0, UGX: 0, UYI: 0, VND: 0, VUV: 0, XAF: 0, XOF: 0, XPF: 0,
};

export function decimalPlaces(currency: string): number {
  return PLACES[currency] ?? 2;
}

/** The amount as a plain decimal number, "600.00": what an input shows and what `Intl` formats without rounding. */
export function decimalText({ minor, currency }: Amount): string {
  const places = decimalPlaces(currency);
  const digits = String(Math.abs(minor)).padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  const sign = minor < 0 ? "-" : "";
  return places === 0 ? `${sign}${whole}` : `${sign}${whole}.${digits.slice(-places)}`;
}

/** "EGP 600" for buttons and sentences; with `exact`, "EGP 600.00" for columns that align on the decimal. */
export function formatMoney(locale: string, amount: Amount, exact = false): string {
  const places = decimalPlaces(amount.currency);
  return new Intl.NumberFormat(locale, {
    style: "currency",
    currency: amount.currency,
    currencyDisplay: "code",
    minimumFractionDigits: places,
    maximumFractionDigits: places,
    trailingZeroDisplay: exact ? "auto" : "stripIfInteger",
  }).format(decimalText(amount) as unknown as number);
}

/** Minor units of what a person typed ("1,250.5", "١٢٥٠٫٥"), or null where it is no amount of that currency. */
export function parseMoney(text: string, currency: string): number | null {
  const places = decimalPlaces(currency);
  const plain = latinDigits(text).replace(/[\s\u00a0']/g, "");
  const normal = /^\d{1,3}(,\d{3})+(\.\d*)?$/.test(plain) ? plain.replace(/,/g, "") : plain.replace(",", ".");
  const parts = /^(\d+)(?:\.(\d*))?$/.exec(normal);
  if (!parts) return null;
  const fraction = parts[2] ?? "";
  if (fraction.length > places) return null;
  const minor = Number((parts[1] ?? "") + fraction.padEnd(places, "0"));
  return Number.isSafeInteger(minor) ? minor : null;
}
