import { m } from "../../paraglide/messages.js";
import { language } from "../../shared/language.svelte.js";
import { count } from "../../shared/place.svelte.js";
import { formatDuration } from "../../shared/text/time.js";

/** Less than this is the time that a question takes on its way. */
const NOTHING_MS = 2_000;

/** How far a clock is from headquarters', as "3 min fast". */
export function skewText(skew_ms: number | null): string {
  if (skew_ms === null) return m.sync_clock_unknown();
  const seconds = Math.round(Math.abs(skew_ms) / 1000);
  if (Math.abs(skew_ms) < NOTHING_MS) return m.sync_clock_right();
  const time =
    seconds < 60 ? m.sync_seconds({ count: count(seconds) }) : formatDuration(language.tag, Math.round(seconds / 60));
  return skew_ms > 0 ? m.sync_clock_fast({ time }) : m.sync_clock_slow({ time });
}

/** So far off that days and hours on receipts are in doubt. */
export function isWrong(skew_ms: number | null): boolean {
  return skew_ms !== null && Math.abs(skew_ms) >= 120_000;
}
