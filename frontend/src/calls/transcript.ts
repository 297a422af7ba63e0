/** The transcript beside the recording: which line is said at which second. Pure. */
import type { Turn } from "./calls";

export interface Line {
  turn: Turn;
  /** Seconds into the recording; null where there is none, or it began later. */
  atS: number | null;
  /** What was generated and never heard; "" where nothing was. */
  unheard: string;
  /** What was heard; "" where nothing was. */
  heard: string;
}

/** `startedAt`: the instant of the recording's first sample, seconds since 1970. */
export function linesOf(turns: readonly Turn[], startedAt: number | null): Line[] {
  return turns.map((turn) => {
    const atS = startedAt === null ? null : turn.at - startedAt;
    const isUnheard = turn.heard === "unheard";
    const rest = turn.unheard_text ?? "";
    return {
      turn,
      atS: atS !== null && atS >= -1 ? Math.max(0, atS) : null,
      heard: isUnheard ? "" : turn.text,
      unheard: isUnheard ? [turn.text, rest].filter(Boolean).join(" ") : rest,
    };
  });
}

/** The line that is being said at `positionS`: the last one that has begun. -1 before the first. */
export function lineAt(lines: readonly Line[], positionS: number): number {
  let found = -1;
  lines.forEach((line, index) => {
    // Only lines that can be heard: one that never was has no place in the recording.
    if (line.atS !== null && line.heard !== "" && line.atS <= positionS + 0.05) found = index;
  });
  return found;
}
