/** What the form says of a field: its limits, its default, its values and what is wrong with one. */
import type { ErrorObject } from "ajv";
import type { FieldSchema } from "./schema";

/** The values of choices, as people say them. */
const CHOICES: Record<string, Record<string, string>> = {
  recogniser: {
    "": "The installation's",
    carrier: "The carrier's transcription",
    sidecar: "A recogniser of your own (STT sidecar)",
    openai: "OpenAI's transcription",
  },
  audio_delivery: { stream: "Stream, over the media socket", playback: "Playback, the carrier fetches each piece" },
  answering_machine: { hang_up: "Hang up", leave_message: "Leave a message", ignore: "Speak to it as to a person" },
  tools: {
    hold: "Hold: be patient when the caller asks for a moment",
    hang_up: "Hang up: end the call when it is over",
    transfer: "Transfer: pass the caller to a transfer target",
    send_dtmf: "Press keys, such as in a phone menu",
  },
  type: { text: "Text", number: "Number", yes_no: "Yes or no", choice: "One of these choices" },
  "settings.turn_taking.protected_kinds": {
    greeting: "The greeting",
    answer: "Answers",
    check_in: "Check-ins",
    filler: "Fillers",
  },
};

export function choiceText(path: string, value: string): string {
  return CHOICES[path]?.[value] ?? value;
}

/** “7”, “0.25”: no more digits than there are. */
export function numberText(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}

/** “7 s”; the name of a unit stays out where there is none. */
export function amountText(value: number, unit?: string): string {
  return unit === undefined ? numberText(value) : `${numberText(value)} ${unit}`;
}

/** “1 to 120 s”. Null where the schema sets no limits. */
export function rangeText(field: FieldSchema): string | null {
  const { minimum, maximum, unit } = field;
  if (minimum !== undefined && maximum !== undefined) return `${numberText(minimum)} to ${amountText(maximum, unit)}`;
  return null;
}

/** “default 7 s”. Null where the default is empty: its help says what that means. */
export function defaultText(path: string, field: FieldSchema): string | null {
  const value = field.default;
  if (value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) return null;
  return `default ${valueText(path, value, field)}`;
}

/** A value in a sentence or a table. */
export function valueText(path: string, value: unknown, field: FieldSchema): string {
  if (typeof value === "number") return amountText(value, field.unit);
  if (typeof value === "boolean") return value ? "on" : "off";
  if (typeof value === "string") {
    if (field.enum) return choiceText(path, value);
    return value === "" ? "(empty)" : value;
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return "(none)";
    return value.map((item) => itemText(item)).join("\n");
  }
  return JSON.stringify(value);
}

function itemText(item: unknown): string {
  if (typeof item === "string") return item;
  return Object.values(item as Record<string, unknown>)
    .flat()
    .filter((part) => part !== "")
    .map(String)
    .join(" · ");
}

/** What is wrong, beside its field: says what is allowed, not that something is forbidden. */
export function problemText(error: ErrorObject): string {
  const field = (error.parentSchema ?? {}) as FieldSchema;
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case "minimum":
      return `must be at least ${amountText(Number(params["limit"]), field.unit)}`;
    case "maximum":
      return `must be at most ${amountText(Number(params["limit"]), field.unit)}`;
    case "minLength":
      return "must not be empty";
    case "maxLength":
      return `must be no longer than ${String(params["limit"])} characters`;
    case "maxItems":
      return `must be no more than ${String(params["limit"])}`;
    case "required":
      return "is needed";
    case "enum":
      return "is none of the choices";
    case "type":
      if (params["type"] === "integer") return "must be a whole number";
      return params["type"] === "number" ? "must be a number" : "is not what is expected here";
    case "pattern":
      return patternText(field);
    default:
      return error.message ?? "is not valid";
  }
}

/** What a pattern of the schema asks for; the first whose beginning the field's pattern has. */
const PATTERNS: readonly [string, string][] = [
  ["^\\+[1-9]", "must be international, such as +13125550100"],
  ["^(https?://", "must be an address such as https://example.com/calls"],
  ["^[a-z][a-z0-9_]", "may hold small letters, digits and underscores, and begins with a letter"],
  ["^[A-Za-z0-9 _-]", "may hold letters, digits, spaces, - and _ only"],
];

function patternText({ pattern = "", examples = [] }: FieldSchema): string {
  const known = PATTERNS.find(([beginning]) => pattern.startsWith(beginning));
  if (known) return known[1];
  return examples.length > 0 ? `must look like ${examples.map(String).join(" or ")}` : "is not written as it must be";
}
