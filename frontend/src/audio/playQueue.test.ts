/** audio/playQueue.ts */
import { describe, expect, it } from "vitest";
import { PlayQueue } from "./playQueue";

const samples = (...values: number[]) => new Float32Array(values);

function hear(queue: PlayQueue, count: number): number[] {
  const out = new Float32Array(count).fill(9);
  queue.read(out);
  return [...out];
}

describe("PlayQueue", () => {
  it("plays messages of any length behind each other and says what was played to its end", () => {
    const queue = new PlayQueue();
    queue.put(7, samples(1, 2, 3));
    queue.put(8, samples(4));

    expect([hear(queue, 2), queue.playedSequence]).toEqual([[1, 2], 0]);
    expect([hear(queue, 2), queue.playedSequence]).toEqual([[3, 4], 8]);
    expect([hear(queue, 2), queue.isEmpty]).toEqual([[0, 0], true]);
  });

  it("counts nothing as played that was cleared", () => {
    const queue = new PlayQueue();
    queue.put(1, samples(1, 1, 1));
    hear(queue, 2);
    queue.clear();

    expect([hear(queue, 2), queue.playedSequence]).toEqual([[0, 0], 0]);
    queue.put(2, samples(5));
    expect([hear(queue, 2), queue.playedSequence]).toEqual([[5, 0], 2]);
  });
});
