/**
 * One running call as its events tell it: what was said so far, what the agent does, what comes next. Pure. Everything in an
 * event is hostile text; it is only ever drawn as text.
 *
 * Lines of the transcript: a final one of the caller replaces the interim ones before it; one of the agent replaces the one
 * with the same `playback_id`, else (where events have none) the last line of the agent that is not final.
 */
import type { StreamEvent } from "../wire/eventStream";
import type { CallState } from "./live";

export type Heard = "heard" | "partly" | "unheard";

export interface LiveLine {
  key: string;
  at: number;
  kind: "said" | "note";
  speaker: "caller" | "agent" | "watcher" | "system";
  text: string;
  isFinal: boolean;
  heard: Heard | null;
  unheardText: string;
}

export interface Silence {
  next: "check_in" | "hang_up" | null;
  /** Seconds since 1970, on the server's clock. */
  dueAt: number;
}

export interface Tone {
  at: number;
  speaker: string;
  label: string;
  confidence: number;
  isShift: boolean;
}

export interface LiveLatency {
  turnId: string;
  firstAudioS: number | null;
}

export interface LiveStory {
  state: CallState | null;
  speaker: "caller" | "agent" | null;
  lines: LiveLine[];
  checkIns: { number: number; of: number } | null;
  silence: Silence | null;
  tones: Tone[];
  environment: { kind: string; confidence: number } | null;
  latencies: LiveLatency[];
  ended: { outcome: string; whoHungUp: string } | null;
  /** How far this browser's clock is ahead of the server's, at most (s); null before the first event. */
  clockAheadS: number | null;
}

export const NOTHING_YET: LiveStory = {
  state: null,
  speaker: null,
  lines: [],
  checkIns: null,
  silence: null,
  tones: [],
  environment: null,
  latencies: [],
  ended: null,
  clockAheadS: null,
};

const KEPT_TONES = 60;
type Data = Record<string, unknown>;

/** The story after one more event, which arrived when this browser's clock showed `now` (seconds since 1970). */
export function tell(story: LiveStory, event: StreamEvent, now: number): LiveStory {
  if (event.name === "reset") return NOTHING_YET;
  const data = event.data as Data;
  const at = number(data["at"]) ?? now;
  const clockAheadS = Math.min(story.clockAheadS ?? Infinity, now - at);
  const after: LiveStory = { ...story, clockAheadS };
  const key = `${event.name}-${event.id ?? String(story.lines.length)}`;
  const add = (line: Partial<LiveLine> & { text: string }): LiveStory => ({
    ...after,
    lines: [...story.lines, { key, at, kind: "note", speaker: "system", isFinal: true, heard: null, unheardText: "", ...line }],
  });
  switch (event.name) {
    case "state":
      return { ...after, state: data["state"] as CallState };
    case "speaker":
      return { ...after, speaker: (data["speaker"] as LiveStory["speaker"]) ?? null };
    case "transcript":
      return { ...after, lines: withTranscript(story.lines, data, at, key) };
    case "check_in": {
      const checkIns = { number: number(data["number"]) ?? 0, of: number(data["of"]) ?? 0 };
      return { ...add({ text: `Check-in ${String(checkIns.number)} of ${String(checkIns.of)}` }), checkIns };
    }
    case "silence": {
      const dueAt = number(data["due_at"]);
      const isCounting = data["counting"] === true && dueAt !== null;
      return { ...after, silence: isCounting ? { next: data["next"] as Silence["next"], dueAt } : null };
    }
    case "tone": {
      const tone = {
        at,
        speaker: text(data["speaker"]),
        label: text(data["label"]),
        confidence: number(data["confidence"]) ?? 0,
        isShift: data["is_shift"] === true,
      };
      return { ...after, tones: [...story.tones, tone].slice(-KEPT_TONES) };
    }
    case "environment":
      return { ...after, environment: { kind: text(data["kind"]), confidence: number(data["confidence"]) ?? 0 } };
    case "latency":
      return { ...after, latencies: [...story.latencies, { turnId: text(data["turn_id"]), firstAudioS: number(data["first_audio_s"]) }] };
    case "interruption":
      return add({ text: "The caller interrupted the agent" });
    case "key":
      return add({ text: `The caller pressed ${text(data["digit"])}` });
    case "tool":
      return add({ text: `The agent used ${text(data["name"])}${data["result"] ? `: ${text(data["result"])}` : ""}` });
    case "transfer":
      return add({ text: `Transfer to ${text(data["target"])}: ${text(data["state"])}` });
    case "note":
      return add({ text: text(data["text"]), speaker: "watcher" });
    case "ended":
      return { ...after, silence: null, speaker: null, ended: { outcome: text(data["outcome"]), whoHungUp: text(data["who_hung_up"]) } };
    default:
      return after;
  }
}

function withTranscript(lines: LiveLine[], data: Data, at: number, key: string): LiveLine[] {
  const speaker = data["speaker"] === "agent" ? "agent" : "caller";
  const playbackId = typeof data["playback_id"] === "string" ? data["playback_id"] : "";
  const line: LiveLine = {
    key: playbackId ? `agent-${playbackId}` : key,
    at,
    kind: "said",
    speaker,
    text: text(data["text"]),
    isFinal: data["is_final"] === true,
    heard: (data["heard"] as Heard | undefined) ?? null,
    unheardText: text(data["unheard_text"]),
  };
  const index = lines.findLastIndex((one) =>
    playbackId ? one.key === line.key : one.kind === "said" && one.speaker === speaker && !one.isFinal,
  );
  const before = lines[index];
  if (before === undefined) return [...lines, line];
  // Where it began to be said is where it stays.
  return lines.with(index, { ...line, key: before.key, at: before.at });
}

/** Seconds until what the silence leads to; 0 when it is due. `now`: this browser's clock. */
export function remainingS(silence: Silence, now: number, clockAheadS: number | null): number {
  return Math.max(0, silence.dueAt - (now - (clockAheadS ?? 0)));
}

function text(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value as string | number | boolean);
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
