/**
 * The agent's voice on its way to the loudspeaker: in order, cleared when the agent is interrupted, and always able to say up
 * to which message it was really played. Pure; runs inside an AudioWorklet (playQueue.worklet.ts).
 */
interface Piece {
  sequence: number;
  samples: Float32Array;
}

export class PlayQueue {
  private pieces: Piece[] = [];
  private next = 0;
  private played = 0;

  /** The sequence of the last message that was played to its end; 0: none. */
  get playedSequence(): number {
    return this.played;
  }

  get isEmpty(): boolean {
    return this.pieces.length === 0;
  }

  put(sequence: number, samples: Float32Array): void {
    this.pieces.push({ sequence, samples });
  }

  /** What was not played never will be. */
  clear(): void {
    this.pieces = [];
    this.next = 0;
  }

  /** Fills `out` with what is heard next, silence where nothing is there. */
  read(out: Float32Array): void {
    let filled = 0;
    while (filled < out.length) {
      const [piece] = this.pieces;
      if (piece === undefined) break;
      const part = piece.samples.subarray(this.next, this.next + out.length - filled);
      out.set(part, filled);
      filled += part.length;
      this.next += part.length;
      if (this.next >= piece.samples.length) {
        this.played = piece.sequence;
        this.pieces.shift();
        this.next = 0;
      }
    }
    out.fill(0, filled);
  }
}
