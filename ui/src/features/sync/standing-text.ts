import type { SyncStanding } from "../../ipc/wire.js";
import { m } from "../../paraglide/messages.js";
import { since } from "../../shared/place.svelte.js";

export type Mood = "calm" | "attention";

/** How long ago, to the second within a minute. */
export function ago(instant: Date, now: Date): string {
  const seconds = Math.max(0, Math.floor((now.getTime() - instant.getTime()) / 1000));
  if (seconds < 3) return m.sync_just_now();
  if (seconds < 60) return m.sync_seconds_ago({ count: seconds });
  return m.sync_time_ago({ time: since(instant.toISOString(), now) });
}

/** Two short lines for the chip, and whether it wants somebody. `told_at` is when the standing was told. */
export function standingText(standing: SyncStanding, told_at: Date, now: Date): { title: string; text: string; mood: Mood } {
  switch (standing.kind) {
    case "own_rows_missing":
      return { title: m.sync_own_rows(), text: m.sync_own_rows_text(), mood: "attention" };
    case "in_step": {
      const at = new Date(told_at.getTime() - standing.seconds * 1000);
      return { title: m.sync_in_step(), text: ago(at, now), mood: "calm" };
    }
    case "sending":
      return { title: m.sync_sending(), text: m.sync_to_send({ count: standing.waiting }), mood: "calm" };
    case "offline": {
      const { waiting } = standing;
      const text = waiting === 0 ? m.sync_nothing_to_send() : m.sync_to_send({ count: waiting });
      return { title: m.sync_offline(), text, mood: "attention" };
    }
    case "needs_headquarters": {
      const { count } = standing;
      return { title: m.sync_needs_hq({ count }), text: m.sync_needs_hq_text({ count }), mood: "attention" };
    }
    case "branches_in_step":
      return { title: m.sync_branches({ count: standing.count }), text: m.sync_branches_heard(), mood: "calm" };
    case "branches_silent":
      return { title: m.sync_branches({ count: standing.count }), text: m.sync_branches_silent(), mood: "attention" };
    case "to_decide":
      return { title: m.view_sync(), text: m.sync_to_decide({ count: standing.count }), mood: "attention" };
  }
}

/** What that means for whoever stands at the desk. */
export function standingSentence({ kind }: SyncStanding): string {
  switch (kind) {
    case "own_rows_missing":
      return m.error_own_rows_missing();
    case "in_step":
      return m.sync_summary_in_step();
    case "sending":
      return m.sync_summary_sending();
    case "offline":
      return m.sync_summary_offline();
    case "needs_headquarters":
      return m.sync_summary_aside();
    case "to_decide":
      return m.sync_summary_decide();
    case "branches_in_step":
      return m.sync_summary_branches();
    case "branches_silent":
      return m.sync_summary_silent();
  }
}
