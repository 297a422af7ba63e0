/** Reading a recording (16-bit PCM WAV) without decoding it in an audio device: how loud it was, when. Pure. */

/** One side of a recording, in equal stretches: the loudest sample of each, 0 to 1. */
export type Peaks = readonly number[];

export interface Waveform {
  durationS: number;
  /** One array for each channel: the caller left, the agent right. */
  channels: Peaks[];
}

interface Format {
  channels: number;
  sampleRate: number;
  dataAt: number;
  dataBytes: number;
}

/** Throws an Error for anything but 16-bit PCM. A recording that broke off is read as far as it came. */
export function waveformOf(file: ArrayBuffer, stretches: number): Waveform {
  const format = readFormat(new DataView(file));
  const frameBytes = format.channels * 2;
  const frames = Math.floor(format.dataBytes / frameBytes);
  const samples = new DataView(file, format.dataAt, frames * frameBytes);
  const channels = Array.from({ length: format.channels }, () => new Array<number>(stretches).fill(0));
  for (let stretch = 0; stretch < stretches; stretch++) {
    const from = Math.floor((stretch * frames) / stretches);
    const to = Math.max(from + 1, Math.floor(((stretch + 1) * frames) / stretches));
    for (let channel = 0; channel < format.channels; channel++) {
      let loudest = 0;
      for (let frame = from; frame < to && frame < frames; frame++) {
        loudest = Math.max(loudest, Math.abs(samples.getInt16(frame * frameBytes + channel * 2, true)));
      }
      (channels[channel] as number[])[stretch] = loudest / 32768;
    }
  }
  return { durationS: frames / format.sampleRate, channels };
}

function readFormat(view: DataView): Format {
  if (view.byteLength < 12 || tag(view, 0) !== "RIFF" || tag(view, 8) !== "WAVE") throw new Error("This is not a WAV file.");
  let channels = 0;
  let sampleRate = 0;
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const name = tag(view, at);
    const bytes = view.getUint32(at + 4, true);
    const content = at + 8;
    if (name === "fmt ") {
      if (view.getUint16(content, true) !== 1 || view.getUint16(content + 14, true) !== 16) {
        throw new Error("Only recordings with 16 bits per sample can be drawn.");
      }
      channels = view.getUint16(content + 2, true);
      sampleRate = view.getUint32(content + 4, true);
    } else if (name === "data") {
      if (channels === 0 || sampleRate === 0) break;
      // A file that is still written, or was cut off, says more than it holds.
      return { channels, sampleRate, dataAt: content, dataBytes: Math.min(bytes, view.byteLength - content) };
    }
    at = content + bytes + (bytes % 2);
  }
  throw new Error("This WAV file holds no sound.");
}

function tag(view: DataView, at: number): string {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}
