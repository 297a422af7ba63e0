/** calls/latencies.ts */
import { describe, expect, it } from "vitest";
import { barsOf, medianS } from "./latencies";

const turn = (end: number | null, sentence: number | null, audio: number | null) => ({
  turn_id: "t",
  end_of_turn_s: end,
  first_sentence_s: sentence,
  first_audio_s: audio,
});

describe("barsOf", () => {
  it("gives each step the time since the one before", () => {
    const [bar] = barsOf([turn(0.5, 0.9, 1.0)]);

    expect(bar!.parts.map((part) => [part.name, Number(part.seconds.toFixed(3))])).toEqual([
      ["endpointing", 0.5],
      ["model", 0.4],
      ["voice", 0.1],
    ]);
    expect([bar!.totalS, bar!.isComplete]).toEqual([1.0, true]);
  });

  it("ends where the turn broke off, and leaves out what did not happen", () => {
    const [interrupted, ready] = barsOf([turn(0.5, null, null), turn(0.5, null, 0.6)]);

    expect([interrupted!.totalS, interrupted!.isComplete]).toEqual([0.5, false]);
    expect(ready!.parts.map((part) => part.name)).toEqual(["endpointing", "voice"]);
  });

  it("never draws a negative length where the model was asked ahead", () => {
    const [bar] = barsOf([turn(0.5, 0.3, 0.6)]);

    expect(bar!.parts.map((part) => part.seconds)).toEqual([0.5, 0, expect.closeTo(0.1)]);
  });
});

describe("medianS", () => {
  it("counts only answers that were heard", () => {
    expect(medianS(barsOf([turn(0.1, 0.2, 1), turn(0.1, 0.2, 3), turn(9, null, null)]))).toBe(2);
    expect(medianS(barsOf([turn(9, null, null)]))).toBeNull();
  });
});
