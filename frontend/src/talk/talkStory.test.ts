/** talk/talkStory.ts */
import { describe, expect, it } from "vitest";
import { endText, hear, NOT_BEGUN, refusalText } from "./talkStory";

const said = (speaker: string, text: string, is_final: boolean, heard?: string) => ({ type: "transcript", speaker, text, is_final, heard });

describe("a conversation", () => {
  it("begins when the server has taken us, and says whether a microphone is heard", () => {
    const story = hear(NOT_BEGUN, { type: "session_start", session_id: "web-1", agent: "Ada", hears_audio: false });

    expect([story.sessionId, story.agentName, story.hearsAudio]).toEqual(["web-1", "Ada", false]);
  });

  it("replaces what was not final, each side by itself", () => {
    const messages = [said("agent", "We", false), said("caller", "St", false), said("agent", "We open at", true, "partly"), said("caller", "Stop", true), said("agent", "All", false)];
    const { lines } = messages.reduce(hear, NOT_BEGUN);

    expect(lines.map((line) => [line.speaker, line.text, line.isFinal, line.isCut])).toEqual([
      ["agent", "We open at", true, true],
      ["caller", "Stop", true, false],
      ["agent", "All", false, false],
    ]);
    expect(new Set(lines.map((line) => line.key)).size).toBe(3);
  });

  it("ends with a reason, and tells refusals in words", () => {
    expect(endText(hear(NOT_BEGUN, { type: "session_end", reason: "caller_silent" }).endReason!)).toMatch(/silent for so long/);
    expect(endText("it_rained")).toBe("It ended: it rained.");
    expect(hear(NOT_BEGUN, { type: "error", code: "no_capacity", message: "x" }).refusal).toMatch(/lines are busy/);
    expect(refusalText("new_code", "in words")).toBe("in words");
  });

  it("is not changed by what it does not know", () => {
    expect(hear(NOT_BEGUN, { type: "weather" })).toBe(NOT_BEGUN);
  });
});
