/** agents/deadAirTimeline.ts */
import { expect, test } from "vitest";
import { deadAirTimeline, spokenSeconds, type DeadAirSettings } from "./deadAirTimeline";
import { defaultConfig } from "./schema";

const DEFAULTS: DeadAirSettings = defaultConfig().settings.dead_air_settings;
const said = spokenSeconds(DEFAULTS.checkin_message);

function drawn(settings: Partial<DeadAirSettings>, isOnHold = false) {
  return deadAirTimeline({ ...DEFAULTS, ...settings }, isOnHold);
}

function kinds(settings: Partial<DeadAirSettings>): string[] {
  return drawn(settings).stretches.map((stretch) => stretch.kind);
}

test("the defaults: check-in after 7 s, another 7 s after it was heard, hang-up after 5 s", () => {
  const { stretches, end } = drawn({});

  expect(stretches.map(({ kind, from, to }) => [kind, to - from])).toEqual([
    ["silence", 7],
    ["check_in", expect.closeTo(said)],
    ["silence", expect.closeTo(7)],
    ["check_in", expect.closeTo(said)],
    ["silence", expect.closeTo(5)],
  ]);
  expect(end).toBeCloseTo(7 + said + 7 + said + 5);
});

test("after “hold on” the longer patience applies before every check-in", () => {
  const silences = drawn({}, true).stretches.filter((stretch) => stretch.kind === "silence");

  expect(silences.map(({ from, to }) => Math.round(to - from))).toEqual([25, 25, 5]);
});

test("without check-ins the call ends after the first silence", () => {
  expect(drawn({ max_checkins_before_disconnect: 0 })).toEqual({
    stretches: [{ kind: "silence", from: 0, to: 7, text: "", number: 0 }],
    end: 7,
  });
});

test("each check-in has its own text, the last one repeats", () => {
  const texts = drawn({ max_checkins_before_disconnect: 3, checkin_messages: ["Hello?", "Anybody?"] }).stretches;

  expect(texts.filter((stretch) => stretch.kind === "check_in").map((stretch) => stretch.text)).toEqual([
    "Hello?",
    "Anybody?",
    "Anybody?",
  ]);
});

test("a goodbye is spoken before the hang-up, and no wait is drawn as none", () => {
  expect(kinds({ max_checkins_before_disconnect: 1, final_wait: 0, goodbye_message: "Goodbye." })).toEqual([
    "silence",
    "check_in",
    "goodbye",
  ]);
});

test("a field that is just being typed into draws nothing odd", () => {
  const typed = { silence_timeout_normal: "" as unknown as number, max_checkins_before_disconnect: 9e9 };

  expect(Number.isFinite(drawn(typed).end)).toBe(true);
});
