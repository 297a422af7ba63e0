/** How the form is divided. Every field of the schema stands in exactly one section (sections.test.ts). */

export interface Section {
  id: string;
  title: string;
  about: string;
  fields: readonly string[];
}

const DEAD_AIR = "settings.dead_air_settings";
const TURNS = "settings.turn_taking";
const PROGRESS = "settings.no_progress";

export const SECTIONS: readonly Section[] = [
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
    fields: ["phone_numbers", "answering_machine", "machine_message", "audio_delivery"],
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
];
