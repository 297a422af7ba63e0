/** audio/wav.ts */
import { describe, expect, it } from "vitest";
import { waveformOf } from "./wav";

/** A stereo WAV of these frames, with another chunk in front of the samples. */
function wav(frames: [number, number][], { says = frames.length * 4, bits = 16 } = {}): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(12 + 24 + 12 + 8 + frames.length * 4));
  const text = (at: number, words: string) => {
    [...words].forEach((letter, index) => {
      view.setUint8(at + index, letter.charCodeAt(0));
    });
  };
  text(0, "RIFF");
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 2, true);
  view.setUint32(24, 8000, true);
  view.setUint16(34, bits, true);
  text(36, "LIST");
  view.setUint32(40, 3, true); // odd: padded to four
  text(48, "data");
  view.setUint32(52, says, true);
  frames.forEach(([left, right], index) => {
    view.setInt16(56 + index * 4, left, true);
    view.setInt16(58 + index * 4, right, true);
  });
  return view.buffer;
}

describe("waveformOf", () => {
  it("gives the loudest sample of each stretch, each side by itself", () => {
    const found = waveformOf(wav([[0, 16384], [-32768, 0], [100, 0], [0, -8192]]), 2);

    expect(found.channels).toEqual([[1, 100 / 32768], [0.5, 0.25]]);
    expect(found.durationS).toBe(4 / 8000);
  });

  it("reads a file that broke off as far as it came", () => {
    expect(waveformOf(wav([[1, 1], [2, 2]], { says: 4_000_000 }), 1).durationS).toBe(2 / 8000);
  });

  it("draws a recording that is shorter than the picture is wide", () => {
    expect(waveformOf(wav([[32767, 0]]), 4).channels[0]).toHaveLength(4);
  });

  it("says what it cannot read", () => {
    expect(() => waveformOf(new ArrayBuffer(4), 1)).toThrow("not a WAV");
    expect(() => waveformOf(wav([[1, 1]], { bits: 24 }), 1)).toThrow("16 bits");
  });
});
