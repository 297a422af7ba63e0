/** audio/pcm.ts */
import { describe, expect, it } from "vitest";
import { base64Of, floatsOf, levelOf } from "./pcm";

describe("samples on the wire", () => {
  it("are little-endian, and come back as they went", () => {
    expect(base64Of(new Float32Array([0, 1, -1]))).toBe(btoa("\x00\x00\xff\x7f\x01\x80"));
    const there = floatsOf(base64Of(new Float32Array([0.25, -0.5, 2])));

    expect([...there].map((sample) => Number(sample.toFixed(3)))).toEqual([0.25, -0.5, 1]);
  });

  it("lose half a sample at the end, not the rest", () => {
    expect(floatsOf(btoa("\x00\x40\x07"))).toHaveLength(1);
  });
});

describe("levelOf", () => {
  it("goes from nothing to all, louder being more", () => {
    const tone = (volume: number) => levelOf(new Float32Array(80).fill(volume));

    expect([tone(0), tone(1)]).toEqual([0, 1]);
    expect(tone(0.01)).toBeGreaterThan(0.2);
    expect(tone(0.1)).toBeGreaterThan(tone(0.01));
    expect(levelOf(new Float32Array(0))).toBe(0);
  });
});
