/**
 * One conversation over the client WebSocket (docs/client-websocket.md): microphone in, voice out, words both ways. No React.
 *
 * The microphone's frames are sent only while it is open and the socket keeps up; the agent's voice goes to the audio
 * thread, which tells up to which message it was played, and that is told on: the agent then knows what was heard.
 */
import { Loudspeaker } from "../audio/loudspeaker";
import { Microphone } from "../audio/microphone";
import { base64Of, floatsOf, levelOf } from "../audio/pcm";
import type { FromPlayer, ToPlayer } from "../audio/playQueue.worklet";
import moduleUrl from "../audio/playQueue.worklet.ts?worker&url";

/** What waits to be sent before frames of the microphone are dropped: a second of speech at 48 kHz. */
const MOST_WAITING_BYTES = 130_000;

export interface TalkEvents {
  onMessage: (message: Record<string, unknown>) => void;
  onLevel: (side: "caller" | "agent", level: number) => void;
  /** The connection is gone. `wasClean`: the server had told why before. */
  onClose: (wasClean: boolean) => void;
}

export class TalkClient {
  private readonly events: TalkEvents;
  private socket: WebSocket | null = null;
  private speaker: Loudspeaker<ToPlayer> | null = null;
  private microphone: Microphone | null = null;
  private toldPlayed = 0;
  private isClosed = false;

  constructor(events: TalkEvents) {
    this.events = events;
  }

  /** Must be called from a press of a button, or the browser stays silent. Rejects where the browser cannot play at all. */
  async open(agentId: string): Promise<void> {
    const speaker = await Loudspeaker.open<ToPlayer, FromPlayer>(moduleUrl, "player", (told) => {
      this.afterPlaying(told);
    });
    if (this.isClosed) {
      speaker.close();
      return;
    }
    this.speaker = speaker;
    const url = new URL(`/api/talk/${encodeURIComponent(agentId)}`, window.location.origin);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      this.take(data);
    };
    socket.onclose = ({ code }) => {
      if (this.isClosed) return;
      this.close();
      this.events.onClose(code === 1000 || code === 1008 || code === 1009 || code === 1012 || code === 1013);
    };
  }

  /** Rejects as `Microphone.open` does. */
  async openMicrophone(): Promise<void> {
    const microphone = await Microphone.open((samples, sampleRate) => {
      this.events.onLevel("caller", levelOf(samples));
      if (this.socket !== null && this.socket.bufferedAmount < MOST_WAITING_BYTES) {
        this.send({ type: "audio", audio: base64Of(samples), sample_rate: sampleRate });
      }
    });
    if (this.isClosed) {
      microphone.close();
      return;
    }
    this.closeMicrophone();
    this.microphone = microphone;
  }

  closeMicrophone(): void {
    this.microphone?.close();
    this.microphone = null;
    this.events.onLevel("caller", 0);
  }

  say(text: string): void {
    this.send({ type: "text", text });
  }

  interrupt(): void {
    this.send({ type: "control", action: "interrupt" });
  }

  /** The server answers with `session_end`. */
  hangUp(): void {
    this.send({ type: "control", action: "hang_up" });
  }

  /** For good; nothing is told any more. */
  close(): void {
    this.isClosed = true;
    this.microphone?.close();
    this.microphone = null;
    this.speaker?.close();
    this.speaker = null;
    this.socket?.close();
    this.socket = null;
  }

  private send(message: Record<string, unknown>): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private take(data: string): void {
    let message: unknown;
    try {
      message = JSON.parse(data);
    } catch {
      return; // not ours
    }
    if (typeof message !== "object" || message === null) return;
    const { type, audio, sequence } = message as Record<string, unknown>;
    if (type === "audio") {
      if (typeof audio === "string" && typeof sequence === "number") this.speaker?.post({ kind: "audio", sequence, samples: floatsOf(audio) });
      return;
    }
    if (type === "clear") this.speaker?.post({ kind: "clear" });
    this.events.onMessage(message as Record<string, unknown>);
  }

  private afterPlaying({ playedSequence, level }: FromPlayer): void {
    this.events.onLevel("agent", level);
    if (playedSequence > this.toldPlayed) {
      this.toldPlayed = playedSequence;
      this.send({ type: "control", action: "played", sequence: playedSequence });
    }
  }
}
