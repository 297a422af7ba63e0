/** The microphone on the audio thread: 20 ms at a time, one channel. */
const FRAME_S = 0.02;

class MicrophoneProcessor extends AudioWorkletProcessor {
  private readonly frame = new Float32Array(Math.round(FRAME_S * sampleRate));
  private filled = 0;

  process(inputs: Float32Array[][]): boolean {
    for (const sample of inputs[0]?.[0] ?? []) {
      this.frame[this.filled++] = sample;
      if (this.filled < this.frame.length) continue;
      this.port.postMessage(this.frame.slice());
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor("microphone", MicrophoneProcessor);
