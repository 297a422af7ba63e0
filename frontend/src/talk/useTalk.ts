/** One conversation in a page: begun by a press, ended with the page. */
import { useCallback, useEffect, useRef, useState } from "react";
import { microphoneProblem } from "../audio/microphone";
import { TalkClient } from "./talkClient";
import { hear, NOT_BEGUN, type TalkStory } from "./talkStory";

export type TalkPhase = "idle" | "connecting" | "talking" | "over";
export type MicrophoneState = "off" | "opening" | "open" | "failed";

export interface Talk {
  phase: TalkPhase;
  story: TalkStory;
  microphone: MicrophoneState;
  /** Why the microphone is not open, or the connection was lost; "" where nothing is wrong. */
  microphoneTrouble: string;
  connectionTrouble: string;
  levels: { caller: number; agent: number };
  begin: (agentId: string) => void;
  toggleMicrophone: () => void;
  say: (text: string) => void;
  interrupt: () => void;
  hangUp: () => void;
}

const SILENT = { caller: 0, agent: 0 };

export function useTalk(): Talk {
  const [phase, setPhase] = useState<TalkPhase>("idle");
  const [story, setStory] = useState<TalkStory>(NOT_BEGUN);
  const [microphone, setMicrophone] = useState<MicrophoneState>("off");
  const [microphoneTrouble, setMicrophoneTrouble] = useState("");
  const [connectionTrouble, setConnectionTrouble] = useState("");
  const [levels, setLevels] = useState(SILENT);
  const client = useRef<TalkClient | null>(null);

  useEffect(
    () => () => {
      client.current?.close();
      client.current = null;
    },
    [],
  );

  const openMicrophone = useCallback(async (of: TalkClient) => {
    setMicrophone("opening");
    setMicrophoneTrouble("");
    try {
      await of.openMicrophone();
      if (client.current === of) setMicrophone("open");
    } catch (error) {
      if (client.current !== of) return;
      setMicrophone("failed");
      setMicrophoneTrouble(microphoneProblem(error));
    }
  }, []);

  const begin = useCallback(
    (agentId: string) => {
      client.current?.close();
      setPhase("connecting");
      setStory(NOT_BEGUN);
      setConnectionTrouble("");
      setMicrophone("off");
      setMicrophoneTrouble("");
      const begun: TalkClient = new TalkClient({
        onMessage: (message) => {
          if (client.current !== begun) return;
          setStory((before) => hear(before, message));
          if (message["type"] === "session_start") {
            setPhase("talking");
            if (message["hears_audio"] === true) void openMicrophone(begun);
          }
        },
        onLevel: (side, level) => {
          if (client.current === begun) setLevels((before) => ({ ...before, [side]: level }));
        },
        onClose: (wasClean) => {
          if (client.current !== begun) return;
          client.current = null;
          setPhase("over");
          setMicrophone("off");
          setLevels(SILENT);
          if (!wasClean) setConnectionTrouble("The connection was lost.");
        },
      });
      client.current = begun;
      begun.open(agentId).catch(() => {
        if (client.current !== begun) return;
        client.current = null;
        setPhase("over");
        setConnectionTrouble("This browser cannot play sound here.");
      });
    },
    [openMicrophone],
  );

  const toggleMicrophone = useCallback(() => {
    const present = client.current;
    if (present === null) return;
    if (microphone === "open") {
      present.closeMicrophone();
      setMicrophone("off");
    } else void openMicrophone(present);
  }, [microphone, openMicrophone]);

  const say = useCallback((text: string) => client.current?.say(text), []);
  const interrupt = useCallback(() => client.current?.interrupt(), []);
  const hangUp = useCallback(() => client.current?.hangUp(), []);
  return { phase, story, microphone, microphoneTrouble, connectionTrouble, levels, begin, toggleMicrophone, say, interrupt, hangUp };
}
