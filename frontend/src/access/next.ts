/** Where to go after signing in: an address of our own, whatever the link said. */
const HOME = "/calls";

export function safeNext(wanted: string | null): string {
  if (wanted === null) return HOME;
  const url = new URL(wanted, window.location.origin);
  const isOurs = wanted.startsWith("/") && url.origin === window.location.origin && url.pathname !== "/sign-in";
  return isOurs ? url.pathname + url.search + url.hash : HOME;
}
