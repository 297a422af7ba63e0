/** The agent's voice on the audio thread. Tells how loud it is, and up to which message it was played, ten times a second. */
import { levelOf } from "./pcm";
import { PlayQueue } from "./playQueue";

const TELL_EVERY_S = 0.1;

export type ToPlayer = { kind: "audio"; sequence: number; samples: Float32Array } | { kind: "clear" };

export interface FromPlayer {
  playedSequence: number;
  level: number;
}

class PlayerProcessor extends AudioWorkletProcessor {
  private readonly queue = new PlayQueue();
  private sinceTold = 0;
  private loudest = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<ToPlayer>) => {
      if (data.kind === "audio") this.queue.put(data.sequence, data.samples);
      else this.queue.clear();
    };
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const out = outputs[0]?.[0];
    if (out === undefined) return true;
    this.queue.read(out);
    this.loudest = Math.max(this.loudest, levelOf(out));
    this.sinceTold += out.length;
    if (this.sinceTold >= TELL_EVERY_S * sampleRate) {
      const told: FromPlayer = { playedSequence: this.queue.playedSequence, level: this.loudest };
      this.port.postMessage(told);
      this.sinceTold = 0;
      this.loudest = 0;
    }
    return true;
  }
}

registerProcessor("player", PlayerProcessor);
