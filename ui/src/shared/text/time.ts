/** A calendar day of the branch, `YYYY-MM-DD`: no instant and no zone. */
export type Day = string;

function atNoon(day: Day): Date {
  return new Date(`${day}T12:00:00Z`);
}

/** "Tue 3 March", with the year when it is not `thisYear`. */
export function formatDay(locale: string, day: Day, thisYear: number): string {
  const date = atNoon(day);
  return new Intl.DateTimeFormat(locale, {
    weekday: "short",
    day: "numeric",
    month: "long",
    ...(date.getUTCFullYear() === thisYear ? {} : { year: "numeric" }),
    timeZone: "UTC",
  }).format(date);
}

/** The calendar day of an instant on the branch's wall clock. */
export function dayIn(zone: string, instant: Date): Day {
  const options = { calendar: "gregory", timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" } as const;
  const parts = new Intl.DateTimeFormat("en-US", options).formatToParts(instant);
  // Put together by name: no language writes year-month-day in every version of the engine's data.
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((one) => one.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")}`;
}

/** "18:04" on the branch's wall clock. */
export function formatClock(locale: string, instant: Date, zone: string): string {
  return new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone }).format(
    instant,
  );
}

/** Whole days from one calendar day to another. */
export function daysBetween(from: Day, to: Day): number {
  return Math.round((atNoon(to).getTime() - atNoon(from).getTime()) / 86_400_000);
}

/** The calendar day some days later; earlier where `days` is below zero. */
export function addDays(day: Day, days: number): Day {
  return new Date(atNoon(day).getTime() + days * 86_400_000).toISOString().slice(0, 10);
}

/** "1 h 20 min": how long somebody has been inside. */
export function formatDuration(locale: string, minutes: number): string {
  const unit = (value: number, name: "hour" | "minute") =>
    new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "short" }).format(value);
  const hours = Math.floor(minutes / 60);
  const rest = Math.max(0, minutes - hours * 60);
  if (hours === 0) return unit(rest, "minute");
  return rest === 0 ? unit(hours, "hour") : `${unit(hours, "hour")} ${unit(rest, "minute")}`;
}
