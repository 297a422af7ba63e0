/** calls/transcript.ts */
import { describe, expect, it } from "vitest";
import type { Turn } from "./calls";
import { lineAt, linesOf } from "./transcript";

const turn = (at: number, text: string, heard: Turn["heard"] = "heard", unheard_text = ""): Turn => ({
  speaker: "agent",
  at,
  text,
  heard,
  unheard_text,
});

describe("linesOf", () => {
  it("tells what was never heard from what was", () => {
    const lines = linesOf([turn(10, "We open", "partly", "at nine."), turn(11, "Hello?", "unheard"), turn(12, "Yes.")], 8);

    expect(lines.map((line) => [line.heard, line.unheard])).toEqual([
      ["We open", "at nine."],
      ["", "Hello?"],
      ["Yes.", ""],
    ]);
    expect(lines.map((line) => line.atS)).toEqual([2, 3, 4]);
  });

  it("has no place for a line before the recording, or without one", () => {
    expect(linesOf([turn(10, "a")], 15)[0]!.atS).toBeNull();
    expect(linesOf([turn(10, "a")], null)[0]!.atS).toBeNull();
    expect(linesOf([turn(10, "a")], 10.4)[0]!.atS).toBe(0);
  });
});

describe("lineAt", () => {
  it("finds the line that is being said, never one that was not heard", () => {
    const lines = linesOf([turn(10, "a"), turn(12, "b", "unheard"), turn(14, "c")], 8);

    expect([0, 1.99, 4, 5, 6.5].map((at) => lineAt(lines, at))).toEqual([-1, 0, 0, 0, 2]);
  });
});
