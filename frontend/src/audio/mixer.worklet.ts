/** The mixer on the audio thread: pieces come in by messages, sound goes out. */
import { Mixer, type Speaker } from "./mixer";

const DELAY_S = 0.3;

export type ToMixer = { kind: "audio"; speaker: Speaker; atS: number; samples: Float32Array } | { kind: "cleared"; fromS: number };

class MixerProcessor extends AudioWorkletProcessor {
  private readonly mixer = new Mixer(sampleRate, DELAY_S);

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<ToMixer>) => {
      if (data.kind === "audio") this.mixer.put(data.speaker, data.atS, data.samples);
      else this.mixer.clear(data.fromS);
    };
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const out = outputs[0]?.[0];
    if (out !== undefined) this.mixer.read(out);
    return true;
  }
}

registerProcessor("mixer", MixerProcessor);
