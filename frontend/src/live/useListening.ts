/** Listening in: both sides of a running call, mixed here. Off until it is asked for; asking again ends it. */
import { useCallback, useEffect, useRef, useState } from "react";
import { Loudspeaker } from "../audio/loudspeaker";
import type { Speaker } from "../audio/mixer";
import type { ToMixer } from "../audio/mixer.worklet";
import moduleUrl from "../audio/mixer.worklet.ts?worker&url";
import { floatsOf, levelOf } from "../audio/pcm";
import { listenUrl } from "./live";

export type ListeningState = "off" | "connecting" | "on" | "failed";

export interface Listening {
  state: ListeningState;
  problem: string;
  levels: Record<Speaker, number>;
  toggle: () => void;
}

interface Running {
  socket: WebSocket;
  speaker: Loudspeaker<ToMixer>;
}

const SILENT = { caller: 0, agent: 0 };
const FADE = 0.8;

export function useListening(callControlId: string): Listening {
  const [state, setState] = useState<ListeningState>("off");
  const [problem, setProblem] = useState("");
  const [levels, setLevels] = useState(SILENT);
  const running = useRef<Running | null>(null);
  /** Raised by every start and stop: what belongs to an earlier one is dropped. */
  const epoch = useRef(0);

  const stop = useCallback(() => {
    epoch.current++;
    running.current?.socket.close();
    running.current?.speaker.close();
    running.current = null;
    setLevels(SILENT);
  }, []);

  const start = useCallback(async () => {
    const mine = ++epoch.current;
    setState("connecting");
    setProblem("");
    const fail = (words: string) => {
      if (mine !== epoch.current) return;
      stop();
      setState("failed");
      setProblem(words);
    };
    let speaker: Loudspeaker<ToMixer>;
    try {
      speaker = await Loudspeaker.open<ToMixer>(moduleUrl, "mixer");
    } catch {
      fail("This browser cannot play the call.");
      return;
    }
    if (mine !== epoch.current) {
      speaker.close();
      return;
    }
    const socket = new WebSocket(listenUrl(callControlId));
    running.current = { socket, speaker };
    socket.onopen = () => {
      if (mine === epoch.current) setState("on");
    };
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      if (mine !== epoch.current) return;
      const message = parse(data);
      if (message === null) return;
      speaker.post(message);
      if (message.kind === "audio") {
        const level = levelOf(message.samples);
        setLevels((before) => ({ ...before, [message.speaker]: Math.max(level, before[message.speaker] * FADE) }));
      }
    };
    socket.onclose = ({ wasClean }) => {
      if (mine !== epoch.current) return;
      if (wasClean) {
        stop();
        setState("off");
      } else fail("The connection to the call was lost.");
    };
  }, [callControlId, stop]);

  useEffect(() => stop, [stop]);

  const toggle = useCallback(() => {
    if (running.current !== null) {
      stop();
      setState("off");
    } else void start();
  }, [start, stop]);

  return { state, problem, levels, toggle };
}

/** One message of the socket; null for what is not known. */
export function parse(text: string): ToMixer | null {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof body !== "object" || body === null) return null;
  const { type, speaker, at_s: atS, audio, from_s: fromS } = body as Record<string, unknown>;
  if (type === "audio" && (speaker === "caller" || speaker === "agent") && typeof atS === "number" && typeof audio === "string") {
    try {
      return { kind: "audio", speaker, atS, samples: floatsOf(audio) };
    } catch {
      return null; // not base64
    }
  }
  return type === "cleared" && typeof fromS === "number" ? { kind: "cleared", fromS } : null;
}
