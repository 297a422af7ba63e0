/** What an AudioWorklet finds around it; TypeScript's own libraries leave it out. */
declare abstract class AudioWorkletProcessor {
  readonly port: MessagePort;
  abstract process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
}

declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
declare const sampleRate: number;

declare module "*?worker&url" {
  const address: string;
  export default address;
}
