/** The present moment, in seconds since 1970 UTC, that moves on every `everyS` seconds while something shows it. */
import { useEffect, useState } from "react";

const wallSeconds = () => Date.now() / 1000;

export function useNow(everyS: number): number {
  const [now, setNow] = useState(wallSeconds);
  useEffect(() => {
    const timer = setInterval(() => {
      setNow(wallSeconds());
    }, everyS * 1000);
    return () => {
      clearInterval(timer);
    };
  }, [everyS]);
  return now;
}
