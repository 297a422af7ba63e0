/** What the product's words mean to people: outcomes, who hung up, events of the timeline. Pure. */
import type { CallEvent, CallSummary } from "./calls";

const OUTCOMES: Record<string, string> = {
  caller_hung_up: "Caller hung up",
  agent_hung_up: "Agent said goodbye",
  caller_silent: "Caller stayed silent",
  max_duration: "Longest duration reached",
  transferred: "Transferred",
  ended_by_command: "Ended by a person",
  ended_by_carrier: "Ended by the carrier",
  ended_without_owner: "Ended without the agent",
  media_lost: "Audio was lost",
  machine: "Answering machine",
  no_agent: "No agent for this number",
  no_capacity: "All lines were busy",
  worker_stopped: "Server was restarted",
  failed: "Failed",
  lost: "Lost",
};

const TROUBLE = new Set(["failed", "lost", "media_lost", "ended_without_owner", "no_capacity", "worker_stopped"]);

/** The choices of the outcome filter, in words. */
export const OUTCOME_CHOICES = Object.entries(OUTCOMES).map(([value, label]) => ({ value, label }));

export function outcomeText(call: Pick<CallSummary, "outcome" | "ended_at">): string {
  if (call.ended_at === null) return "Running";
  return OUTCOMES[call.outcome] ?? spelledOut(call.outcome || "unknown");
}

export type Tone = "live" | "bad" | "good" | "calm";

export function outcomeTone(call: Pick<CallSummary, "outcome" | "ended_at">): Tone {
  if (call.ended_at === null) return "live";
  if (TROUBLE.has(call.outcome)) return "bad";
  return call.outcome === "caller_silent" ? "calm" : "good";
}

const WHO: Record<string, string> = {
  caller: "The caller hung up",
  agent: "The agent hung up",
  carrier: "The carrier ended the call",
};

/** Who hung up and why, in one sentence. */
export function endText(call: Pick<CallSummary, "who_hung_up" | "hangup_cause" | "outcome" | "ended_at">): string {
  if (call.ended_at === null) return "The call is still running.";
  const who = WHO[call.who_hung_up] ?? "Nobody knows who hung up";
  const why = OUTCOMES[call.outcome] ?? spelledOut(call.outcome);
  // “The caller hung up: caller hung up” says it twice.
  const reason = why.toLowerCase().endsWith("hung up") ? "" : `: ${why.charAt(0).toLowerCase()}${why.slice(1)}`;
  const cause = call.hangup_cause ? ` (the carrier's cause: ${call.hangup_cause.replaceAll("_", " ")})` : "";
  return `${who}${reason}${cause}.`;
}

/** The other side's number; what a caller withholds is said so. */
export function numberText(number: string): string {
  return number || "unknown number";
}

interface EventWords {
  words: string;
  /** What most readers want to see. */
  isMain: boolean;
}

const MAIN: Record<string, string> = {
  CallAnswered: "Answered",
  CallBridged: "Connected to somebody else",
  CallHungUp: "Hung up",
  CheckInSpoken: "Check-in",
  DrainRequested: "The server is being restarted",
  DtmfReceived: "The caller pressed a key",
  EndCall: "The call is being ended",
  FinishCall: "The call is over",
  HangUp: "The agent hangs up",
  MediaClosed: "The audio stream closed",
  MediaOpened: "The audio stream opened",
  MediaLost: "The audio stream was lost",
  SendDtmf: "The agent presses keys",
  Speak: "The agent begins to say something",
  SpeechAborted: "The agent was interrupted",
  SpeechEnded: "The caller fell silent",
  SpeechStarted: "The caller makes a sound",
  Think: "The model is asked",
  TranscriptReceived: "Words were understood",
  Transfer: "Transfer",
  TransferFailed: "The transfer failed",
  WhisperRequested: "Somebody instructed the agent",
};

/** An event of the timeline in words; what has none is spelled out and belongs to the small print. */
export function eventWords(event: CallEvent): EventWords {
  const words = MAIN[event.name];
  if (words !== undefined) return { words, isMain: true };
  return { words: spelledOut(event.name), isMain: false };
}

/** The detail of an event as “name: value”, what is empty left out. */
export function detailText(detail: CallEvent["detail"]): string {
  return Object.entries(detail)
    .filter(([, value]) => value !== null && value !== "" && value !== false)
    .map(([name, value]) => `${name.replaceAll("_", " ")}: ${shown(value)}`)
    .join(" · ");
}

function shown(value: unknown): string {
  if (typeof value === "number" && !Number.isInteger(value)) return String(Math.round(value * 1000) / 1000);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** “FooBar” and “foo_bar” as “Foo bar”. */
export function spelledOut(name: string): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll("_", " ")
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
