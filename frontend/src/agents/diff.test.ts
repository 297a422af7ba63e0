/** agents/diff.ts */
import { expect, test } from "vitest";
import { differences, meetings, merged } from "./diff";
import { defaultConfig, withValue } from "./schema";

const SILENCE = "settings.dead_air_settings.silence_timeout_normal";
const BASE = { ...defaultConfig(), name: "Ada" };

test("an agent does not differ from its copy", () => {
  expect(differences(BASE, structuredClone(BASE))).toEqual([]);
});

test("differences are told field by field; a list is one field", () => {
  const after = withValue(withValue(BASE, SILENCE, 9), "phone_numbers", ["+13125550100"]);

  expect(differences(BASE, after)).toEqual([
    { path: "phone_numbers", before: [], after: ["+13125550100"] },
    { path: SILENCE, before: 7, after: 9 },
  ]);
});

test("two people's changes go together; only what both changed is a conflict", () => {
  const mine = withValue(withValue(BASE, SILENCE, 9), "greeting", "Hi from me");
  const theirs = withValue(withValue(BASE, "voice", "en-gb"), "greeting", "Hi from them");

  const found = meetings(BASE, mine, theirs);

  expect(found.map(({ path, isConflict, suggested }) => [path, isConflict, suggested])).toEqual([
    ["greeting", true, "mine"],
    ["voice", false, "theirs"],
    [SILENCE, false, "mine"],
  ]);
  const both = merged(theirs, found, (path) => found.find((meeting) => meeting.path === path)?.suggested ?? "theirs");
  expect(both.greeting).toBe("Hi from me");
  expect(both.voice).toBe("en-gb");
  expect(both.settings.dead_air_settings.silence_timeout_normal).toBe(9);
  expect(theirs.greeting).toBe("Hi from them");
});
