/**
 * A stream of events for as long as a page shows it (requirement I4): hidden, the page closes its stream and keeps its
 * place; visible again, it asks whether what it watches still lives, and goes on or says that the session timed out.
 */
import { useEffect, useEffectEvent, useRef, useState } from "react";
import { EventStream, type StreamEvent, type StreamState } from "./eventStream";

interface Options {
  /** null: nothing to watch (yet). Another address is another stream, from its beginning. */
  url: string | null;
  onEvent: (event: StreamEvent) => void;
  isAlive?: () => Promise<boolean>;
  isLast?: (event: StreamEvent) => boolean;
}

interface EventStreamHandle {
  state: StreamState;
  /** Try now instead of waiting longer; nothing unless the state is "waiting". */
  retryNow: () => void;
}

export function useEventStream(options: Options): EventStreamHandle {
  const { url } = options;
  const [state, setState] = useState<StreamState>("connecting");
  const stream = useRef<EventStream | null>(null);
  const onEvent = useEffectEvent((event: StreamEvent) => {
    options.onEvent(event);
  });
  const isAlive = useEffectEvent(() => options.isAlive?.() ?? Promise.resolve(true));
  const isLast = useEffectEvent((event: StreamEvent) => options.isLast?.(event) ?? false);

  useEffect(() => {
    if (url === null) return;
    const opened = new EventStream({
      url,
      onEvent: (event) => {
        onEvent(event);
      },
      onState: setState,
      isAlive: () => isAlive(),
      isLast: (event) => isLast(event),
    });
    stream.current = opened;
    const followVisibility = () => {
      if (document.visibilityState === "hidden") opened.pause();
      else opened.resume();
    };
    document.addEventListener("visibilitychange", followVisibility);
    if (document.visibilityState === "hidden") opened.pause();
    else opened.open();
    return () => {
      document.removeEventListener("visibilitychange", followVisibility);
      opened.close();
      stream.current = null;
    };
  }, [url]);

  return { state, retryNow: () => stream.current?.retryNow() };
}
