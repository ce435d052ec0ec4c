/** "14:59" until an instant, or null where it has passed or there is none. */
export function countdown(until: string | null, now: Date): string | null {
  if (until === null) return null;
  const seconds = Math.ceil((Date.parse(until) - now.getTime()) / 1000);
  if (seconds <= 0) return null;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
