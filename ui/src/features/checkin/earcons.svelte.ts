import type { Verdict } from "../../ipc/wire.js";
import { recall, remember } from "../../shared/storage.js";

export type Volume = "off" | "quiet" | "normal" | "loud";
/** Five short sounds, told apart without looking. */
export type Earcon = "welcome" | "look" | "stop" | "unknown" | "done";

interface Note {
  /** Hertz. */
  pitch: number;
  /** Seconds from the beginning. */
  at: number;
  /** Seconds. */
  length: number;
  shape: OscillatorType;
}

const NOTES: Record<Earcon, Note[]> = {
  // Rises.
  welcome: [
    { pitch: 659, at: 0, length: 0.09, shape: "sine" },
    { pitch: 988, at: 0.08, length: 0.16, shape: "sine" },
  ],
  // Knocks twice on one note.
  look: [
    { pitch: 784, at: 0, length: 0.09, shape: "triangle" },
    { pitch: 784, at: 0.15, length: 0.12, shape: "triangle" },
  ],
  // Falls, low and longer.
  stop: [
    { pitch: 311, at: 0, length: 0.16, shape: "sawtooth" },
    { pitch: 208, at: 0.15, length: 0.28, shape: "sawtooth" },
  ],
  // Stutters: the code says nothing.
  unknown: [
    { pitch: 262, at: 0, length: 0.06, shape: "square" },
    { pitch: 262, at: 0.09, length: 0.06, shape: "square" },
    { pitch: 262, at: 0.18, length: 0.06, shape: "square" },
  ],
  // One tick.
  done: [{ pitch: 1319, at: 0, length: 0.05, shape: "sine" }],
};

/** Loudness of a sawtooth or square is felt stronger than that of a sine. */
const SHAPE_GAIN: Record<OscillatorType, number> = { sine: 1, triangle: 0.9, sawtooth: 0.35, square: 0.3, custom: 1 };
const VOLUME_GAIN: Record<Volume, number> = { off: 0, quiet: 0.08, normal: 0.25, loud: 0.7 };
const KEY = "gatehouse.volume";

/** The sound that a verdict makes. */
export function earconOf(verdict: Pick<Verdict, "outcome" | "reasons">): Earcon {
  switch (verdict.reasons[0]?.kind) {
    case "unknown_pass":
    case "forged_pass":
    case "mistyped_number":
    case "ambiguous_number":
      return "unknown";
    case "checked_out":
      return "done";
    default:
      return ({ admitted: "welcome", attention: "look", refused: "stop" } as const)[verdict.outcome];
  }
}

function initial(): Volume {
  const stored = recall(KEY);
  return stored !== null && stored in VOLUME_GAIN ? (stored as Volume) : "normal";
}

class Earcons {
  volume: Volume = $state(initial());
  #context: AudioContext | null = null;

  /** Sets the loudness and lets it be heard. */
  choose(volume: Volume): void {
    this.volume = volume;
    remember(KEY, volume);
    this.play("welcome");
  }

  play(earcon: Earcon): void {
    const gain = VOLUME_GAIN[this.volume];
    if (gain === 0 || typeof AudioContext === "undefined") return;
    this.#context ??= new AudioContext();
    const context = this.#context;
    // A browser keeps sound back until somebody has touched the page.
    if (context.state === "suspended") void context.resume();
    const start = context.currentTime + 0.01;
    for (const note of NOTES[earcon]) {
      const tone = new OscillatorNode(context, { type: note.shape, frequency: note.pitch });
      const level = new GainNode(context, { gain: 0 });
      const peak = gain * SHAPE_GAIN[note.shape];
      const begins = start + note.at;
      level.gain.setValueAtTime(0, begins);
      level.gain.linearRampToValueAtTime(peak, begins + 0.008);
      level.gain.exponentialRampToValueAtTime(0.0001, begins + note.length);
      tone.connect(level).connect(context.destination);
      tone.start(begins);
      tone.stop(begins + note.length + 0.02);
    }
  }
}

export const earcons = new Earcons();
