/** agents/validate.ts: the same limits as the API. What the API refuses is in tests/web/test_api_agents.py. */
import { expect, test } from "vitest";
import { defaultConfig, fieldPaths, knownField, withValue } from "./schema";
import { problemsOf } from "./validate";

const AGENT = { ...defaultConfig(), name: "Ada" };
const TARGET = { name: "sales", number: "+13125550100", description: "" };

test("the defaults with a name are a valid agent", () => {
  expect(problemsOf(AGENT)).toEqual({});
  expect(problemsOf(defaultConfig())).toEqual({ name: "must not be empty" });
});

const FIELDS = "settings.after_call.summary_fields";
const FIELD = { name: "reason", description: "", type: "choice", choices: ["a", "b"] };

const LIMITED = fieldPaths()
  .map((path) => ({ path, ...knownField(path) }))
  .filter((field) => field.minimum !== undefined && field.maximum !== undefined);

test.each(LIMITED)("$path is refused below $minimum and above $maximum, and where it is no number", (field) => {
  const { path, minimum = NaN, maximum = NaN } = field;

  expect(problemsOf(withValue(AGENT, path, minimum - 0.5))[path]).toMatch(/at least|whole number/);
  expect(problemsOf(withValue(AGENT, path, maximum + 1))[path]).toMatch(/at most/);
  expect(problemsOf(withValue(AGENT, path, ""))[path]).toMatch(/number/);
  expect(problemsOf(withValue(AGENT, path, minimum))[path] ?? "order").toMatch(/order|later|below/);
});

const TEXTS = fieldPaths()
  .map((path) => ({ path, ...knownField(path) }))
  .filter((field) => field.maxLength !== undefined);

test.each(TEXTS)("$path is refused when longer than $maxLength", ({ path, maxLength = 0 }) => {
  expect(problemsOf(withValue(AGENT, path, "x".repeat(maxLength + 1)))[path]).toBe(
    `must be no longer than ${String(maxLength)} characters`,
  );
});

test.each([
  ["phone_numbers", ["+13125550100", "0312"], "phone_numbers.1", "must be international, such as +13125550100"],
  ["language", "English", "language", "must look like en or de"],
  ["transfer_targets", [{ ...TARGET, name: "a/b" }], "transfer_targets.0.name", "may hold letters"],
  ["transfer_targets", [{ ...TARGET, number: "" }], "transfer_targets.0.number", "must be international"],
  ["transfer_targets", [TARGET, { ...TARGET, name: "Sales" }], "transfer_targets.1.name", "another one has this name"],
  [FIELDS, [FIELD, FIELD], `${FIELDS}.1.name`, "another one has this name"],
  [FIELDS, [{ ...FIELD, choices: ["a", "a"] }], `${FIELDS}.0.choices`, "at least two"],
  [FIELDS, [{ ...FIELD, type: "text" }], `${FIELDS}.0.choices`, "only for a choice"],
  [FIELDS, [{ ...FIELD, name: "Reason" }], `${FIELDS}.0.name`, "small letters"],
  ["settings.after_call.webhook_url", "example", "settings.after_call.webhook_url", "https://example.com/calls"],
  ["tools", ["fly"], "tools.0", "is none of the choices"],
  ["answering_machine", "leave_message", "machine_message", "is needed"],
  ["settings.no_progress.transfer_target", "nobody", "settings.no_progress.transfer_target", "no transfer target"],
  ["settings.no_progress.filler_after_s", 9, "settings.no_progress.retry_after_s", "later than the filler"],
  ["settings.no_progress.retry_after_s", 20, "settings.no_progress.give_up_after_s", "later than the second try"],
  ["settings.turn_taking.min_endpointing_delay_s", 4, "settings.turn_taking.max_endpointing_delay_s", "not be below"],
  ["settings.dead_air_settings.checkin_messages", ["a", " "], "settings.dead_air_settings.checkin_messages.1", "empty"],
])("%s = %j is told at %s", (path, value, at, message) => {
  expect(problemsOf(withValue(AGENT, path, value))[at]).toContain(message);
});
