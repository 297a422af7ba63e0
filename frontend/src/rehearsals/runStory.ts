/** A run while it is told: the lines so far and how it stands, built from its events. Pure. */
import type { StreamEvent } from "../wire/eventStream";
import type { RunSummary, TimelineLine } from "./rehearsals";

export interface RunStory {
  summary: RunSummary | null;
  /** By their numbers, each once. */
  lines: TimelineLine[];
  isOver: boolean;
}

export const NOTHING_YET: RunStory = { summary: null, lines: [], isOver: false };

/** The story after one more event. What came before (a reconnect tells it again) changes nothing. */
export function tell(story: RunStory, event: StreamEvent): RunStory {
  switch (event.name) {
    case "run":
      return { ...story, summary: event.data as RunSummary };
    case "line": {
      const line = event.data as TimelineLine;
      const last = story.lines.at(-1);
      return last !== undefined && line.number <= last.number ? story : { ...story, lines: [...story.lines, line] };
    }
    case "over":
      return { ...story, isOver: true };
    default:
      return story;
  }
}

export type Side = "caller" | "agent";

/** Who was audible from when to when, in seconds since the answer. */
export interface Span {
  side: Side;
  fromS: number;
  /** null: still. */
  toS: number | null;
  words: string;
}

const STARTS: Record<string, Side> = { agent_audio_started: "agent", caller_speech_started: "caller" };
const ENDS: Record<string, Side> = { agent_audio_ended: "agent", caller_speech_ended: "caller" };

/** What the lines say of who spoke when. Lines come in the order in which they were noticed, not of their seconds. */
export function spansOf(lines: readonly TimelineLine[]): Span[] {
  const spans: Span[] = [];
  for (const line of lines) {
    const starts = STARTS[line.kind];
    if (starts !== undefined) spans.push({ side: starts, fromS: line.at_s, toS: null, words: line.words });
    const ends = ENDS[line.kind];
    if (ends === undefined) continue;
    const open = spans.findLast((span) => span.side === ends && span.toS === null);
    if (open !== undefined) open.toS = Math.max(open.fromS, line.at_s);
  }
  return spans;
}

/** When the call was hung up, in seconds since the answer. */
export function hangUpOf(lines: readonly TimelineLine[]): number | null {
  return lines.find((line) => line.kind === "hangup")?.at_s ?? null;
}
