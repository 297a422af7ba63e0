/** How long the caller waited for each answer, split into what took the time. Pure. */
import type { Latency } from "./calls";

export interface Part {
  name: "endpointing" | "model" | "voice";
  label: string;
  seconds: number;
}

export interface Bar {
  turnId: string;
  parts: Part[];
  /** Until the first audio, or as far as the turn came. */
  totalS: number;
  /** Whether the caller got audio at all. */
  isComplete: boolean;
}

export const PART_LABELS: Record<Part["name"], string> = {
  endpointing: "Deciding that the caller has finished",
  model: "Model, until the first sentence",
  voice: "Voice, until the first audio",
};

/** Instants are counted from the caller's end of speech; a step that did not happen ends the bar. */
export function barsOf(latencies: readonly Latency[]): Bar[] {
  return latencies.map((latency) => {
    const steps: [Part["name"], number | null][] = [
      ["endpointing", latency.end_of_turn_s],
      ["model", latency.first_sentence_s],
      ["voice", latency.first_audio_s],
    ];
    const parts: Part[] = [];
    let reached = 0;
    for (const [name, at] of steps) {
      if (at === null) continue;
      // A step may be told a little before the one it follows: thought ahead, clocks of two processes.
      const seconds = Math.max(0, at - reached);
      parts.push({ name, label: PART_LABELS[name], seconds });
      reached = Math.max(reached, at);
    }
    return { turnId: latency.turn_id, parts, totalS: reached, isComplete: latency.first_audio_s !== null };
  });
}

/** The median of the complete waits; null where there is none. */
export function medianS(bars: readonly Bar[]): number | null {
  const waits = bars.filter((bar) => bar.isComplete).map((bar) => bar.totalS);
  waits.sort((one, other) => one - other);
  const middle = waits.length >> 1;
  if (waits.length === 0) return null;
  return waits.length % 2 === 1 ? (waits[middle] ?? null) : ((waits[middle - 1] ?? 0) + (waits[middle] ?? 0)) / 2;
}
