import { allZones, currencies } from "./countries.js";

/** "Africa/Cairo (GMT+3)" for every zone; one that the machine does not know is kept when it is the chosen one. */
export function zoneOptions(locale: string, chosen: string): { value: string; text: string }[] {
  const zones = allZones();
  return (zones.includes(chosen) ? zones : [chosen, ...zones]).map((zone) => ({
    value: zone,
    text: `${zone.replaceAll("_", " ")} (${offset(locale, zone)})`,
  }));
}

function offset(locale: string, zone: string): string {
  const parts = new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: "shortOffset" }).formatToParts();
  return parts.find((part) => part.type === "timeZoneName")?.value ?? zone;
}

/** "EGP · Egyptian Pound", by code. */
export function currencyOptions(locale: string): { value: string; text: string }[] {
  const names = new Intl.DisplayNames(locale, { type: "currency" });
  return currencies.map((code) => ({ value: code, text: `${code} · ${names.of(code) ?? code}` }));
}

/** The hours at which a business day may start. */
export function hourOptions(): { value: number; text: string }[] {
  return Array.from({ length: 13 }, (_, hour) => ({ value: hour, text: `${String(hour).padStart(2, "0")}:00` }));
}
