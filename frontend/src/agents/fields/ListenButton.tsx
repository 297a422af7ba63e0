/** Says a sentence in a voice: starts, stops, and tells when it cannot. */
import { Button } from "@mantine/core";
import { IconPlayerStop, IconVolume } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { notifyFailure } from "../../ui/notify";
import { voiceSample } from "../voices";

const FALLBACK_TEXT = "Hello, how can I help you?";
const LONGEST_SAMPLE = 200;

type State = "idle" | "loading" | "playing";

export function ListenButton({ voice, text }: { voice: string; text: string }) {
  const [state, setState] = useState<State>("idle");
  const stop = useRef<() => void>(() => undefined);
  useEffect(
    () => () => {
      stop.current();
    },
    [voice],
  );

  const listen = async () => {
    const asking = new AbortController();
    let address: string | null = null;
    let audio: HTMLAudioElement | null = null;
    stop.current = () => {
      asking.abort();
      audio?.pause();
      if (address !== null) URL.revokeObjectURL(address);
      stop.current = () => undefined;
      setState("idle");
    };
    setState("loading");
    try {
      const sample = await voiceSample(voice, text.trim().slice(0, LONGEST_SAMPLE) || FALLBACK_TEXT, asking.signal);
      if (asking.signal.aborted) return;
      address = URL.createObjectURL(sample);
      audio = new Audio(address);
      audio.addEventListener("ended", () => {
        stop.current();
      });
      await audio.play();
      setState("playing");
    } catch (error) {
      if (asking.signal.aborted) return;
      stop.current();
      notifyFailure(error);
    }
  };

  const isPlaying = state === "playing";
  return (
    <Button
      variant="default"
      leftSection={isPlaying ? <IconPlayerStop size={17} /> : <IconVolume size={17} stroke={1.6} />}
      loading={state === "loading"}
      onClick={() => {
        if (isPlaying) stop.current();
        else void listen();
      }}
    >
      {isPlaying ? "Stop" : "Listen to this voice"}
    </Button>
  );
}
