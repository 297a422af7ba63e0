/**
 * Whether an agent may be saved: the committed schema, compiled when the console is built, and the few rules between
 * fields of backend/call/agent_config.py that a schema cannot say. The API has the last word; this spares the way there.
 */
import { toNestErrors } from "@hookform/resolvers";
import type { ErrorObject } from "ajv";
import type { FieldError, Resolver } from "react-hook-form";
import validateSchema from "virtual:agent-validator";
import type { AgentConfig } from "./agents";
import { problemText } from "./words";

/** Path of a field → what is wrong with it. The first problem of a field is the one that is told. */
export type Problems = Record<string, string>;

export function problemsOf(config: AgentConfig): Problems {
  const problems: Problems = {};
  if (!validateSchema(config)) {
    for (const error of validateSchema.errors ?? []) problems[pathOf(error)] ??= problemText(error);
  }
  for (const [path, message] of betweenFields(config)) problems[path] ??= message;
  return problems;
}

export const agentResolver: Resolver<AgentConfig> = (values, _context, options) => {
  const problems = problemsOf(values);
  if (Object.keys(problems).length === 0) return { values, errors: {} };
  const flat = Object.fromEntries(
    Object.entries(problems).map(([path, message]) => [path, { type: "schema", message } satisfies FieldError]),
  );
  return { values: {}, errors: toNestErrors<AgentConfig>(flat, options) };
};

function pathOf(error: ErrorObject): string {
  const path = error.instancePath.slice(1).replaceAll("/", ".");
  if (error.keyword !== "required") return path;
  const missing = String((error.params as { missingProperty: string }).missingProperty);
  return path ? `${path}.${missing}` : missing;
}

function* betweenFields(config: AgentConfig): Generator<[string, string]> {
  const { dead_air_settings: silence, turn_taking: turns, no_progress: progress, after_call: after } = config.settings;
  if (turns.max_endpointing_delay_s < turns.min_endpointing_delay_s) {
    yield ["settings.turn_taking.max_endpointing_delay_s", "must not be below the wait after the caller's last word"];
  }
  if (progress.retry_after_s <= progress.filler_after_s) {
    yield ["settings.no_progress.retry_after_s", "must come later than the filler"];
  }
  if (progress.give_up_after_s <= progress.retry_after_s) {
    yield ["settings.no_progress.give_up_after_s", "must come later than the second try"];
  }
  for (const [index, text] of silence.checkin_messages.entries()) {
    if (!text.trim()) yield [`settings.dead_air_settings.checkin_messages.${String(index)}`, "must not be empty"];
  }
  const names = config.transfer_targets.map((target) => target.name.toLowerCase());
  yield* twice(names, "transfer_targets");
  yield* twice(after.summary_fields.map((field) => field.name), "settings.after_call.summary_fields");
  for (const [index, { type, choices = [] }] of after.summary_fields.entries()) {
    const path = `settings.after_call.summary_fields.${String(index)}.choices`;
    if (type === "choice" && new Set(choices).size < 2) yield [path, "a choice needs at least two different ones"];
    if (type !== "choice" && choices.length > 0) yield [path, "only for a choice"];
  }
  const wanted = progress.transfer_target;
  if (wanted && !names.includes(wanted.toLowerCase())) {
    yield ["settings.no_progress.transfer_target", "no transfer target has this name"];
  }
  if (config.answering_machine === "leave_message" && !config.machine_message) {
    yield ["machine_message", "is needed when a message is to be left"];
  }
}

function* twice(names: readonly string[], list: string): Generator<[string, string]> {
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) < index) yield [`${list}.${String(index)}.name`, "another one has this name"];
  }
}
