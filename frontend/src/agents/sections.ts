/**
 * How the form is divided. A new field of the schema is shown in a section of its own at the end until somebody gives it a
 * place here: no setting is ever invisible.
 */
import { fieldPaths } from "./schema";

export interface Section {
  id: string;
  title: string;
  about: string;
  fields: readonly string[];
}

const DEAD_AIR = "settings.dead_air_settings";
const TURNS = "settings.turn_taking";
const PROGRESS = "settings.no_progress";
const AFTER = "settings.after_call";

const PLACED: readonly Section[] = [
  {
    id: "basics",
    title: "Basics",
    about: "Who the agent is and what it says first.",
    fields: ["name", "language", "greeting", "notice", "instructions"],
  },
  {
    id: "phone",
    title: "Telephone",
    about: "Which numbers it answers, and what it does when it rings somebody up.",
    fields: ["phone_numbers", "answering_machine", "machine_message", "recording", "audio_delivery"],
  },
  {
    id: "voice",
    title: "Voice and hearing",
    about: "How it sounds, and who understands the caller.",
    fields: ["voice", "fallback_voice", "recogniser"],
  },
  {
    id: "model",
    title: "Model and tools",
    about: "What thinks, and what it may do by itself.",
    fields: ["model", "fallback_model", "temperature", "tools", "transfer_targets"],
  },
  {
    id: "dead-air",
    title: "Silence of the caller",
    about: "How long the agent waits when nobody says anything, and what it does then.",
    fields: [
      `${DEAD_AIR}.silence_timeout_normal`,
      `${DEAD_AIR}.silence_timeout_hold_on`,
      `${DEAD_AIR}.max_checkins_before_disconnect`,
      `${DEAD_AIR}.final_wait`,
      `${DEAD_AIR}.checkin_message`,
      `${DEAD_AIR}.checkin_messages`,
      `${DEAD_AIR}.goodbye_message`,
      `${DEAD_AIR}.max_call_duration`,
    ],
  },
  {
    id: "turn-taking",
    title: "Taking turns",
    about: "When the caller has finished, and what interrupts the agent.",
    fields: [
      `${TURNS}.min_endpointing_delay_s`,
      `${TURNS}.max_endpointing_delay_s`,
      `${TURNS}.speculation`,
      `${TURNS}.barge_in`,
      `${TURNS}.min_interruption_s`,
      `${TURNS}.longest_backchannel_s`,
      `${TURNS}.ignored_words`,
      `${TURNS}.protected_kinds`,
      `${TURNS}.false_interruption_timeout_s`,
      `${TURNS}.repeat_message`,
    ],
  },
  {
    id: "no-progress",
    title: "Our own silence",
    about: "What the caller hears while an answer takes too long.",
    fields: [
      `${PROGRESS}.filler_after_s`,
      `${PROGRESS}.filler_message`,
      `${PROGRESS}.retry_after_s`,
      `${PROGRESS}.give_up_after_s`,
      `${PROGRESS}.apology_message`,
      `${PROGRESS}.transfer_target`,
    ],
  },
  {
    id: "after-call",
    title: "After the call",
    about: "A summary in the model's words, and where it is sent.",
    fields: [`${AFTER}.summary`, `${AFTER}.summary_instructions`, `${AFTER}.summary_fields`, `${AFTER}.webhook_url`],
  },
];

export const SECTIONS: readonly Section[] = withTheRest(PLACED, fieldPaths());

/** The sections, and one more with the fields that none of them has. */
export function withTheRest(sections: readonly Section[], paths: readonly string[]): readonly Section[] {
  const placed = new Set(sections.flatMap((section) => section.fields));
  const rest = paths.filter((path) => !placed.has(path));
  if (rest.length === 0) return sections;
  return [...sections, { id: "more", title: "More settings", about: "Settings that have no other place yet.", fields: rest }];
}
