/** A moment: how long ago in words, the exact time on hover and for machines. */
import { agoText, instantText } from "./format";
import { useNow } from "./useNow";

export function Instant({ at, isExact = false }: { at: number; isExact?: boolean }) {
  const now = useNow(30);
  const exact = instantText(at);
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={exact}>
      {isExact ? exact : agoText(at, now)}
    </time>
  );
}
