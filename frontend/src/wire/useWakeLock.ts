/**
 * Keep the screen awake while `isActive` (requirement I4). Where the browser cannot, or the person forbids it (a battery
 * saver), nothing happens and nothing is said. A hidden page loses its lock by itself; visible again, it asks anew.
 */
import { useEffect } from "react";

export function useWakeLock(isActive: boolean): void {
  useEffect(() => {
    if (!isActive || !("wakeLock" in navigator)) return;
    let lock: WakeLockSentinel | null = null;
    let isWanted = true;
    const take = async () => {
      if (document.visibilityState !== "visible") return;
      try {
        const taken = await navigator.wakeLock.request("screen");
        if (isWanted) lock = taken;
        else await taken.release();
      } catch {
        // refused by the system or the person: the page works without
      }
    };
    const takeAgain = () => void take();
    document.addEventListener("visibilitychange", takeAgain);
    takeAgain();
    return () => {
      isWanted = false;
      document.removeEventListener("visibilitychange", takeAgain);
      lock?.release().catch(() => undefined);
    };
  }, [isActive]);
}
