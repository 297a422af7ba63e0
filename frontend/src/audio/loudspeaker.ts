/** An AudioContext with one of our worklets that makes sound. The line has 8,000 samples a second; so has the context. */

const LINE_RATE = 8000;

export class Loudspeaker<ToWorklet> {
  private readonly context: AudioContext;
  private readonly node: AudioWorkletNode;

  private constructor(context: AudioContext, node: AudioWorkletNode) {
    this.context = context;
    this.node = node;
  }

  /** Must be asked for by a press of the person, or the browser keeps it silent. */
  static async open<ToWorklet, FromWorklet = never>(
    moduleUrl: string,
    name: string,
    onMessage?: (message: FromWorklet) => void,
  ): Promise<Loudspeaker<ToWorklet>> {
    const context = new AudioContext({ sampleRate: LINE_RATE, latencyHint: "interactive" });
    try {
      await context.audioWorklet.addModule(moduleUrl);
      const node = new AudioWorkletNode(context, name, { numberOfInputs: 0, outputChannelCount: [1] });
      if (onMessage) {
        node.port.onmessage = ({ data }: MessageEvent<FromWorklet>) => {
          onMessage(data);
        };
      }
      node.connect(context.destination);
      await context.resume();
      return new Loudspeaker<ToWorklet>(context, node);
    } catch (error) {
      await context.close();
      throw error;
    }
  }

  post(message: ToWorklet): void {
    this.node.port.postMessage(message);
  }

  close(): void {
    this.node.port.onmessage = null;
    this.node.disconnect();
    void this.context.close();
  }
}
