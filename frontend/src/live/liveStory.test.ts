/** live/liveStory.ts and liveList.ts */
import { describe, expect, it } from "vitest";
import { follow, inOrder, NO_CALLS } from "./liveList";
import { NOTHING_YET, remainingS, tell, type LiveStory } from "./liveStory";

const T = 1_700_000_000;

function story(...events: [string, object][]): LiveStory {
  return events.reduce((before, [name, data], index) => tell(before, { id: `${String(index)}-0`, name, data: { at: T + index, ...data } }, T + index + 0.1), NOTHING_YET);
}

describe("the transcript", () => {
  it("replaces interim words of the caller by the final ones", () => {
    const { lines } = story(
      ["transcript", { speaker: "caller", text: "When", is_final: false }],
      ["transcript", { speaker: "caller", text: "When do you", is_final: false }],
      ["transcript", { speaker: "caller", text: "When do you open?", is_final: true }],
      ["transcript", { speaker: "caller", text: "Hello?", is_final: false }],
    );

    expect(lines.map((line) => [line.text, line.isFinal])).toEqual([
      ["When do you open?", true],
      ["Hello?", false],
    ]);
    expect(lines[0]!.at).toBe(T);
  });

  it("replaces a piece of the agent by what became of it, wherever it stands", () => {
    const { lines } = story(
      ["transcript", { speaker: "agent", text: "We open at nine.", is_final: false, playback_id: "1-1" }],
      ["transcript", { speaker: "caller", text: "Stop", is_final: true }],
      ["transcript", { speaker: "agent", text: "We open", is_final: true, heard: "partly", unheard_text: "at nine.", playback_id: "1-1" }],
    );

    expect(lines.map((line) => line.text)).toEqual(["We open", "Stop"]);
    expect([lines[0]!.heard, lines[0]!.unheardText]).toEqual(["partly", "at nine."]);
  });

  it("holds whatever a caller says as text", () => {
    const { lines } = story(["transcript", { speaker: "caller", text: "<img src=x onerror=alert(1)>", is_final: true }]);

    expect(lines[0]!.text).toBe("<img src=x onerror=alert(1)>");
  });
});

describe("the countdown", () => {
  it("runs on the server's clock, whatever this browser's shows", () => {
    const behind = tell(NOTHING_YET, { id: null, name: "silence", data: { at: T, counting: true, next: "check_in", due_at: T + 7 } }, T - 3600);

    expect(remainingS(behind.silence!, T - 3600 + 2, behind.clockAheadS)).toBe(5);
    expect(remainingS(behind.silence!, T, behind.clockAheadS)).toBe(0);
  });

  it("is not thrown off by old events that a reconnect tells", () => {
    let told = tell(NOTHING_YET, { id: null, name: "state", data: { at: T - 100, state: "listening" } }, T);
    told = tell(told, { id: null, name: "silence", data: { at: T, counting: true, next: "hang_up", due_at: T + 5 } }, T + 0.2);

    expect(remainingS(told.silence!, T + 0.2, told.clockAheadS)).toBeCloseTo(5);
  });

  it("stops when the silence does, and at the end of the call", () => {
    const counting: [string, object] = ["silence", { counting: true, next: "check_in", due_at: T + 7 }];

    expect(story(counting, ["silence", { counting: false, next: null, due_at: null }]).silence).toBeNull();
    expect(story(counting, ["ended", { outcome: "caller_hung_up", who_hung_up: "caller" }]).silence).toBeNull();
  });
});

describe("what else happens", () => {
  it("is told in lines, and kept where it is a state", () => {
    const told = story(
      ["state", { state: "thinking" }],
      ["check_in", { number: 1, of: 2 }],
      ["note", { text: "Offer a refund." }],
      ["tool", { name: "hang_up", result: "ok" }],
      ["tone", { speaker: "caller", label: "upset", confidence: 0.8, is_shift: true }],
      ["environment", { kind: "noise", confidence: 0.5 }],
      ["something_new", {}],
    );

    expect(told.lines.map((line) => [line.speaker, line.text])).toEqual([
      ["system", "Check-in 1 of 2"],
      ["watcher", "Offer a refund."],
      ["system", "The agent used hang_up: ok"],
    ]);
    expect([told.state, told.tones[0]!.label, told.environment?.kind]).toEqual(["thinking", "upset", "noise"]);
  });

  it("begins anew after a reset", () => {
    expect(tell(story(["state", { state: "thinking" }]), { id: null, name: "reset", data: {} }, T)).toBe(NOTHING_YET);
  });
});

describe("the list", () => {
  const call = (id: string, started_at: number, state = "listening") => ({ call_control_id: id, started_at, state });

  it("follows calls from start to end, oldest first", () => {
    let calls = NO_CALLS;
    for (const [name, data] of [
      ["call_started", call("b", 2)],
      ["call_started", call("a", 1)],
      ["call_changed", call("b", 2, "speaking")],
      ["call_started", call("c", 3)],
      ["call_ended", { call_control_id: "c" }],
    ] as const) {
      calls = follow(calls, { id: null, name, data });
    }

    expect(inOrder(calls).map((one) => [one.call_control_id, one.state])).toEqual([
      ["a", "listening"],
      ["b", "speaking"],
    ]);
    expect(follow(calls, { id: null, name: "reset", data: {} }).size).toBe(0);
  });
});
