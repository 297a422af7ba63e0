/**
 * One stream of server-sent events that misses nothing: it remembers the last id it handed on, and asks for what came
 * after it (`Last-Event-ID`) whenever it connects again. No React here; `useEventStream.ts` is the hook.
 *
 * | state        | means                                        | leaves by                                   |
 * |--------------|----------------------------------------------|---------------------------------------------|
 * | connecting   | asked, no answer yet                         | answer → open; failure → waiting            |
 * | open         | events come                                  | broken → waiting; `isLast` event → ended    |
 * | waiting      | before another try, 1 s, 2 s … 15 s          | time → connecting                           |
 * | paused       | `pause()`: nobody looks; nothing is open     | `resume()` → asking                         |
 * | asking       | does what we watch still live?               | yes → connecting; no → timed_out            |
 * | ended        | the last event came                          | never                                       |
 * | timed_out    | what we watched is gone                      | never                                       |
 * | refused      | the server refuses us for good (401, 403 …)  | never                                       |
 *
 * EventSource is not used: it cannot send the id over a new connection of ours, and hides the status of a refusal.
 */
import { createParser } from "eventsource-parser";
import { send } from "./client";
import { ApiError, isWorthRepeating } from "./errors";

export type StreamState = "connecting" | "open" | "waiting" | "paused" | "asking" | "ended" | "timed_out" | "refused";

/** One event. `data` is the parsed JSON. */
export interface StreamEvent {
  id: string | null;
  name: string;
  data: unknown;
}

export interface StreamOptions {
  url: string;
  onEvent: (event: StreamEvent) => void;
  onState: (state: StreamState) => void;
  /** Asked after a pause and after a 404. Without it, a pause is always followed by another connection. */
  isAlive?: () => Promise<boolean>;
  /** Whether this event is the last one that will ever come. */
  isLast?: (event: StreamEvent) => boolean;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;

export class EventStream {
  private readonly options: StreamOptions;
  private state: StreamState | null = null;
  private lastEventId: string | null = null;
  private connection: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private failures = 0;
  /** Raised by every pause, resume and close: an answer to an earlier question is then ignored. */
  private epoch = 0;

  constructor(options: StreamOptions) {
    this.options = options;
  }

  /** Connect. */
  open(): void {
    void this.connect(++this.epoch);
  }

  /** Close the connection but keep the place in the stream. */
  pause(): void {
    if (this.isOver()) return;
    this.disconnect();
    this.moveTo("paused");
  }

  /** After a pause: ask whether there is still something to watch, then go on where we were. */
  resume(): void {
    if (this.state === "paused") void this.askAndConnect(++this.epoch);
  }

  /** Try now, without waiting longer. */
  retryNow(): void {
    if (this.state === "waiting") {
      this.disconnect();
      this.failures = 0;
      this.open();
    }
  }

  /** For good. No callback comes after this. */
  close(): void {
    this.disconnect();
    this.state = "ended";
  }

  private isOver(): boolean {
    return this.state === "ended" || this.state === "timed_out" || this.state === "refused";
  }

  private disconnect(): void {
    this.epoch++;
    this.connection?.abort();
    this.connection = null;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private moveTo(state: StreamState): void {
    if (this.state === state) return;
    this.state = state;
    this.options.onState(state);
  }

  private async askAndConnect(epoch: number): Promise<void> {
    const { isAlive } = this.options;
    if (isAlive === undefined) {
      await this.connect(epoch);
      return;
    }
    this.moveTo("asking");
    try {
      const isStillAlive = await isAlive();
      if (epoch !== this.epoch) return;
      if (isStillAlive) await this.connect(epoch);
      else this.moveTo("timed_out");
    } catch (error) {
      if (epoch === this.epoch) this.fail(error, () => void this.askAndConnect(++this.epoch));
    }
  }

  private async connect(epoch: number): Promise<void> {
    this.moveTo("connecting");
    const connection = new AbortController();
    this.connection = connection;
    const headers = new Headers({ Accept: "text/event-stream" });
    if (this.lastEventId !== null) headers.set("Last-Event-ID", this.lastEventId);
    try {
      const url = new URL(this.options.url, window.location.origin);
      const response = await send(new Request(url, { headers, cache: "no-store", signal: connection.signal }));
      if (epoch !== this.epoch) return;
      this.moveTo("open");
      await this.read(response, epoch);
      if (epoch === this.epoch && !this.isOver()) this.retryLater();
    } catch (error) {
      if (epoch !== this.epoch) return;
      if (error instanceof ApiError && error.status === 404) this.moveTo("timed_out");
      else this.fail(error, () => void this.connect(++this.epoch));
    }
  }

  private async read(response: Response, epoch: number): Promise<void> {
    const parser = createParser({
      onEvent: (message) => {
        if (epoch === this.epoch && !this.isOver()) this.handOn(message.id ?? null, message.event ?? "message", message.data);
      },
    });
    if (response.body === null) return;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.failures = 0;
      parser.feed(value);
      if (epoch !== this.epoch || this.isOver()) {
        await reader.cancel();
        return;
      }
    }
  }

  private handOn(id: string | null, name: string, text: string): void {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      return; // not ours: every event of the API is JSON
    }
    const event = { id, name, data: parsed };
    this.options.onEvent(event);
    if (id !== null) this.lastEventId = id;
    if (this.options.isLast?.(event)) this.moveTo("ended");
  }

  private fail(error: unknown, again: () => void): void {
    if (!isWorthRepeating(error)) this.moveTo("refused");
    else this.retryLater(again);
  }

  private retryLater(again: () => void = () => void this.connect(++this.epoch)): void {
    const wait = Math.min(FIRST_WAIT_MS * 2 ** this.failures, LONGEST_WAIT_MS);
    this.failures++;
    this.moveTo("waiting");
    this.timer = setTimeout(again, wait);
  }
}
