/**
 * What a caller who never speaks again will hear, computed from the agent's settings the way backend/call/dead_air.py
 * decides it. Silences are exact; how long a text takes to say is an estimate, as voices differ.
 */
import type { AgentConfig } from "./agents";

export type DeadAirSettings = AgentConfig["settings"]["dead_air_settings"];

/** One stretch: somebody is silent, or the agent says something. Seconds since the agent fell silent. */
export interface Stretch {
  kind: "silence" | "check_in" | "goodbye";
  from: number;
  to: number;
  /** The agent's words; empty for a silence. */
  text: string;
  /** From 1, for check-ins. */
  number: number;
}

export interface Timeline {
  stretches: Stretch[];
  /** When the agent hangs up. */
  end: number;
}

/** About fourteen letters a second, as espeak-ng and people read out. */
const LETTERS_PER_SECOND = 14;
const SHORTEST_TEXT_S = 0.6;

export function spokenSeconds(text: string): number {
  return Math.max(text.trim().length / LETTERS_PER_SECOND, SHORTEST_TEXT_S);
}

/** `isOnHold`: the caller said “one moment” before falling silent. */
export function deadAirTimeline(settings: DeadAirSettings, isOnHold: boolean): Timeline {
  const patience = seconds(isOnHold ? settings.silence_timeout_hold_on : settings.silence_timeout_normal);
  const count = Math.min(Math.max(Math.trunc(seconds(settings.max_checkins_before_disconnect)), 0), 10);
  const stretches: Stretch[] = [];
  let at = 0;
  const add = (kind: Stretch["kind"], length: number, text = "", number = 0) => {
    if (length > 0) stretches.push({ kind, from: at, to: at + length, text, number });
    at += length;
  };
  for (let number = 1; number <= count; number++) {
    const text = checkInText(settings, number);
    add("silence", patience);
    add("check_in", spokenSeconds(text), text, number);
  }
  add("silence", count === 0 ? patience : seconds(settings.final_wait));
  const goodbye = settings.goodbye_message.trim();
  if (goodbye) add("goodbye", spokenSeconds(goodbye), goodbye);
  return { stretches, end: at };
}

function checkInText(settings: DeadAirSettings, number: number): string {
  const texts = settings.checkin_messages.length > 0 ? settings.checkin_messages : [settings.checkin_message];
  return texts[Math.min(number, texts.length) - 1] ?? "";
}

/** A field that is being typed into may hold nothing, or nonsense, for a moment. */
function seconds(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : 0;
}
