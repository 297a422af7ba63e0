/** audio/mixer.ts, at ten samples a second so that every sample can be seen. */
import { describe, expect, it } from "vitest";
import { Mixer } from "./mixer";

const RATE = 10;

function newMixer(delayS = 0.3) {
  const mixer = new Mixer(RATE, delayS);
  return {
    mixer,
    caller: (atS: number, ...samples: number[]) => {
      mixer.put("caller", atS, new Float32Array(samples));
    },
    agent: (atS: number, ...samples: number[]) => {
      mixer.put("agent", atS, new Float32Array(samples));
    },
    hear: (count: number) => {
      const out = new Float32Array(count);
      mixer.read(out);
      return [...out].map((sample) => Number(sample.toFixed(3)));
    },
  };
}

describe("Mixer", () => {
  it("plays both sides at the second at which they were heard, a delay behind the caller", () => {
    const { caller, agent, hear } = newMixer();
    caller(5, 0.1, 0.1, 0.1, 0.1);
    agent(5.3, 0.5, 0.5);
    caller(5.4, 0.2, 0.2);

    expect(hear(5)).toEqual([0.1, 0.1, 0.6, 0.7, 0.2]);
  });

  it("waits where nothing came, and goes on from there", () => {
    const { caller, hear } = newMixer();
    caller(1, 0.1, 0.2, 0.3);
    expect(hear(5)).toEqual([0.1, 0.2, 0.3, 0, 0]);
    caller(1.3, 0.4);

    expect(hear(2)).toEqual([0.4, 0]);
  });

  it("forgets what the agent would have said after it was interrupted", () => {
    const { mixer, caller, agent, hear } = newMixer();
    caller(0, 0, 0, 0);
    agent(0.1, 0.5, 0.5, 0.5, 0.5, 0.5);
    mixer.clear(0.3);
    agent(0.5, 0.25);
    caller(0.3, 0, 0, 0);

    expect(hear(6)).toEqual([0, 0.5, 0.5, 0, 0, 0.25]);
  });

  it("plays the rest of a piece that came too late, and nothing twice", () => {
    const { caller, agent, hear } = newMixer();
    caller(0, 0, 0, 0, 0, 0);
    hear(2); // up to 0.4 s
    agent(0.2, 0.9, 0.9, 0.5);

    expect(hear(2)).toEqual([0.5, 0]);
  });

  it("jumps where it belongs after the tab slept, instead of lagging for ever", () => {
    const { mixer, caller, hear } = newMixer();
    caller(0, 0.1, 0.1, 0.1);
    hear(1);
    caller(8, 0.2, 0.2, 0.2);

    expect(mixer.positionS).toBe(8);
    expect(hear(3)).toEqual([0.2, 0.2, 0.2]);
  });

  it("plays an agent to whom somebody types, leaping over the pauses", () => {
    const { agent, hear } = newMixer();
    agent(2, 0.5, 0.5);
    expect(hear(3)).toEqual([0.5, 0.5, 0]);
    agent(9, 0.25);

    expect(hear(1)).toEqual([0.25]);
  });

  it("never goes beyond full scale", () => {
    const { caller, agent, hear } = newMixer(0.1);
    caller(0, 0.9);
    agent(0, 0.9);

    expect(hear(1)).toEqual([1]);
  });

  it("leaves no old sound where its memory comes round", () => {
    const { caller, agent, hear } = newMixer();
    agent(0, ...new Array<number>(30).fill(0.5));
    caller(30, 0, 0, 0);
    caller(30.3, ...new Array<number>(30).fill(0));

    expect(new Set(hear(33))).toEqual(new Set([0]));
  });
});
