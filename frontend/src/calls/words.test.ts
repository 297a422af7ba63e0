/** calls/words.ts */
import { describe, expect, it } from "vitest";
import { detailText, endText, eventWords, outcomeText, spelledOut } from "./words";

const call = { who_hung_up: "agent", hangup_cause: "normal_clearing", outcome: "caller_silent", ended_at: 1 };

describe("the end of a call", () => {
  it("says who hung up, why, and the carrier's cause", () => {
    expect(endText(call)).toBe("The agent hung up: caller stayed silent (the carrier's cause: normal clearing).");
    expect(endText({ ...call, ended_at: null })).toBe("The call is still running.");
  });

  it("does not say the same twice", () => {
    expect(endText({ ...call, who_hung_up: "caller", outcome: "caller_hung_up", hangup_cause: "" })).toBe("The caller hung up.");
  });

  it("spells out what it does not know", () => {
    expect(outcomeText({ outcome: "somebody_tripped", ended_at: 1 })).toBe("Somebody tripped");
    expect(endText({ ...call, who_hung_up: "unknown" })).toMatch(/^Nobody knows who hung up/);
  });
});

describe("the timeline", () => {
  it("knows the main events and spells out the small print", () => {
    expect(eventWords({ at: 1, name: "CallAnswered", detail: {} })).toEqual({ words: "Answered", isMain: true });
    expect(eventWords({ at: 1, name: "LeaseRenewed", detail: {} })).toEqual({ words: "Lease renewed", isMain: false });
  });

  it("shows details in short, empty ones not at all", () => {
    expect(detailText({ turn_id: "t1", took_s: 0.123456, text: "", list: [1], is_final: false })).toBe("turn id: t1 · took s: 0.123 · list: [1]");
    expect(spelledOut("foo_bar")).toBe("Foo bar");
  });
});
