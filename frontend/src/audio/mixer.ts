/**
 * Both sides of a call on one scale of time, for somebody who listens in. Pure; runs inside an AudioWorklet
 * (mixer.worklet.ts) with one sample of output for each sample of the line.
 *
 * Pieces say at which second of the call they are heard: the caller's come as they are spoken, the agent's up to a second
 * ahead. What is played is `delayS` behind the caller's newest sample, so that a late piece still finds its place.
 *
 * | what happens                                       | then                                                |
 * |----------------------------------------------------|-----------------------------------------------------|
 * | a piece that is partly over                        | its rest is played                                  |
 * | the agent was interrupted (`clear`)                | what was ahead from that second on is forgotten     |
 * | nothing of the caller came for longer than the delay | silence; the place in the call is held            |
 * | the place is more than `JUMP_S` from where it belongs | it jumps there                                   |
 * | only the agent was ever heard (a typed call)       | it is played from its first piece on, gaps and all  |
 */

export type Speaker = "caller" | "agent";

const KEPT_S = 20;
const JUMP_S = 0.75;

export class Mixer {
  private readonly rate: number;
  private readonly delay: number;
  private readonly size: number;
  private readonly sides: Record<Speaker, Float32Array>;
  private readonly ends: Record<Speaker, number | null> = { caller: null, agent: null };
  /** The next sample of the call that is played. */
  private place: number | null = null;

  constructor(rate: number, delayS: number) {
    this.rate = rate;
    this.delay = Math.round(delayS * rate);
    this.size = KEPT_S * rate;
    this.sides = { caller: new Float32Array(this.size), agent: new Float32Array(this.size) };
  }

  /** Seconds of the call; null before the first piece. */
  get positionS(): number | null {
    return this.place === null ? null : this.place / this.rate;
  }

  put(speaker: Speaker, atS: number, samples: Float32Array): void {
    const from = Math.round(atS * this.rate);
    const end = from + samples.length;
    this.ends[speaker] = Math.max(this.ends[speaker] ?? 0, end);
    this.follow(speaker, from);
    const place = this.place ?? from;
    const side = this.sides[speaker];
    for (let index = Math.max(0, place - from); index < samples.length; index++) {
      const at = from + index;
      if (at >= place + this.size) break;
      side[at % this.size] = samples[index] ?? 0;
    }
  }

  /** The agent's audio from here on is void. */
  clear(fromS: number): void {
    if (this.place === null) return;
    const from = Math.max(this.place, Math.round(fromS * this.rate));
    for (let at = from; at < this.place + this.size; at++) this.sides.agent[at % this.size] = 0;
    if (this.ends.agent !== null) this.ends.agent = Math.min(this.ends.agent, from);
  }

  /** Fills `out` with what is heard next. */
  read(out: Float32Array): void {
    for (let index = 0; index < out.length; index++) {
      if (this.place === null || this.isStarved(this.place)) {
        out[index] = 0;
        continue;
      }
      const at = this.place % this.size;
      out[index] = Math.max(-1, Math.min(1, (this.sides.caller[at] ?? 0) + (this.sides.agent[at] ?? 0)));
      this.sides.caller[at] = 0;
      this.sides.agent[at] = 0;
      this.place++;
    }
  }

  private isStarved(place: number): boolean {
    return place >= (this.ends.caller ?? this.ends.agent ?? 0);
  }

  private follow(speaker: Speaker, from: number): void {
    const { caller } = this.ends;
    if (caller === null) {
      // The agent alone: from the beginning of what is said, over pauses in a leap.
      if (this.place === null || (speaker === "agent" && from > this.place && this.isSilentUntil(from))) this.moveTo(from);
      return;
    }
    if (speaker !== "caller" && this.place !== null) return;
    const wanted = caller - this.delay;
    if (this.place === null || Math.abs(wanted - this.place) > JUMP_S * this.rate) this.moveTo(Math.max(0, wanted));
  }

  private isSilentUntil(from: number): boolean {
    return this.place !== null && from - this.place > this.rate && this.place >= (this.ends.agent ?? 0) - this.size;
  }

  private moveTo(place: number): void {
    // What lies before the new place was never played, and its slots come round again.
    if (this.place !== null) {
      const [from, to] = place > this.place ? [this.place, Math.min(place, this.place + this.size)] : [0, 0];
      for (let at = from; at < to; at++) {
        this.sides.caller[at % this.size] = 0;
        this.sides.agent[at % this.size] = 0;
      }
    }
    this.place = place;
  }
}
