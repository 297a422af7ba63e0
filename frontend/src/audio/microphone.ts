/** The microphone as frames of 20 ms, at a rate that the server takes. */
import moduleUrl from "./microphone.worklet.ts?worker&url";

/** What the server takes, best first. Not every browser brings a microphone to 16,000. */
const RATES = [16_000, 48_000] as const;

export class Microphone {
  private readonly context: AudioContext;
  private readonly stream: MediaStream;

  private constructor(context: AudioContext, stream: MediaStream) {
    this.context = context;
    this.stream = stream;
  }

  /** Rejects with a DOMException as getUserMedia does: NotAllowedError, NotFoundError … */
  static async open(onFrame: (samples: Float32Array, sampleRate: number) => void): Promise<Microphone> {
    const constraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: constraints });
    for (const rate of RATES) {
      const context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
      try {
        const source = context.createMediaStreamSource(stream);
        await context.audioWorklet.addModule(moduleUrl);
        const node = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0 });
        node.port.onmessage = ({ data }: MessageEvent<Float32Array>) => {
          onFrame(data, rate);
        };
        source.connect(node);
        await context.resume();
        return new Microphone(context, stream);
      } catch (error) {
        await context.close();
        if (rate !== RATES.at(-1)) continue;
        stop(stream);
        throw error;
      }
    }
    throw new Error("no rate was tried"); // RATES is not empty
  }

  close(): void {
    stop(this.stream);
    void this.context.close();
  }
}

function stop(stream: MediaStream): void {
  stream.getTracks().forEach((track) => {
    track.stop();
  });
}

export function canRecord(): boolean {
  return window.isSecureContext && "mediaDevices" in navigator;
}

/** Why the microphone cannot be used, in words. */
export function microphoneProblem(error: unknown): string {
  if (!window.isSecureContext) return "The browser gives a microphone only to pages that come over https (or from this machine).";
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return "The browser was not allowed to use the microphone. Allow it beside the address, then try again.";
  if (name === "NotFoundError") return "No microphone was found.";
  if (name === "NotReadableError") return "Another program is using the microphone.";
  return "The microphone cannot be used in this browser.";
}
