/** rehearsals/runStory.ts */
import { describe, expect, it } from "vitest";
import { hangUpOf, NOTHING_YET, spansOf, tell } from "./runStory";

const line = (number: number, kind: string, at_s: number) => ({ number, kind, at_s, words: kind, is_trouble: false });
const event = (name: string, data: unknown) => ({ id: null, name, data });

describe("tell", () => {
  it("adds each line once, however often it is told", () => {
    let story = NOTHING_YET;
    for (const number of [0, 1, 0, 1, 2]) story = tell(story, event("line", line(number, "ring", number)));

    expect(story.lines.map((one) => one.number)).toEqual([0, 1, 2]);
  });

  it("follows the state to its end and ignores what it does not know", () => {
    const running = tell(NOTHING_YET, event("run", { state: "running" }));
    const over = tell(tell(running, event("weather", {})), event("over", { state: "passed" }));

    expect([running.isOver, over.isOver, over.summary?.state]).toEqual([false, true, "running"]);
  });
});

describe("spansOf", () => {
  it("joins starts with ends, each side by itself, and leaves the last one open", () => {
    const spans = spansOf([
      line(0, "agent_audio_started", 1),
      line(1, "caller_speech_started", 1.5),
      line(2, "agent_audio_ended", 2),
      line(3, "caller_speech_ended", 3),
      line(4, "agent_audio_started", 4),
    ]);

    expect(spans.map(({ side, fromS, toS }) => [side, fromS, toS])).toEqual([
      ["agent", 1, 2],
      ["caller", 1.5, 3],
      ["agent", 4, null],
    ]);
  });

  it("takes no end for a start that was never told", () => {
    expect(spansOf([line(0, "agent_audio_ended", 2)])).toEqual([]);
    expect(hangUpOf([line(0, "hangup", 9)])).toBe(9);
    expect(hangUpOf([])).toBeNull();
  });
});
