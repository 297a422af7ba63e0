/** One recording that is played: where it is, and how to move it. The position follows the sound, frame by frame. */
import { useCallback, useEffect, useRef, useState } from "react";

export interface Playback {
  /** The `ref` of the audio element. */
  attach: (element: HTMLAudioElement | null) => void;
  positionS: number;
  isPlaying: boolean;
  /** Move to this second; `andPlay` also starts. */
  seek: (seconds: number, andPlay?: boolean) => void;
  toggle: () => void;
}

export function usePlayback(): Playback {
  const audio = useRef<HTMLAudioElement>(null);
  const [element, setElement] = useState<HTMLAudioElement | null>(null);
  const [positionS, setPositionS] = useState(0);
  const [isPlaying, setIsPlaying] = useState(false);

  useEffect(() => {
    if (element === null) return;
    let frame = 0;
    const follow = () => {
      setPositionS(element.currentTime);
      if (!element.paused) frame = requestAnimationFrame(follow);
    };
    const look = () => {
      setIsPlaying(!element.paused);
      cancelAnimationFrame(frame);
      follow();
    };
    const events = ["play", "pause", "ended", "seeked", "timeupdate"] as const;
    for (const name of events) element.addEventListener(name, look);
    return () => {
      cancelAnimationFrame(frame);
      for (const name of events) element.removeEventListener(name, look);
    };
  }, [element]);

  const attach = useCallback((attached: HTMLAudioElement | null) => {
    audio.current = attached;
    setElement(attached);
  }, []);

  const seek = useCallback((seconds: number, andPlay = false) => {
    const element = audio.current;
    if (element === null) return;
    element.currentTime = Math.max(0, seconds);
    setPositionS(Math.max(0, seconds));
    if (andPlay) void element.play().catch(() => undefined); // the person's browser forbids it: the button is still there
  }, []);

  const toggle = useCallback(() => {
    const element = audio.current;
    if (element === null) return;
    if (element.paused) void element.play().catch(() => undefined);
    else element.pause();
  }, []);

  return { attach, positionS, isPlaying, seek, toggle };
}
