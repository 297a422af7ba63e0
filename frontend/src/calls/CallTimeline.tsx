/** What happened, by the second; the small print only when it is asked for. */
import { Switch, Text } from "@mantine/core";
import { useMemo, useState } from "react";
import type { Call } from "./calls";
import classes from "./CallTimeline.module.css";
import { detailText, eventWords } from "./words";

interface Props {
  call: Pick<Call, "events" | "answered_at" | "started_at">;
  /** Plays the recording from this instant; null: there is none. */
  onSeek: ((at: number) => void) | null;
}

export function CallTimeline({ call, onSeek }: Props) {
  const [isWhole, setIsWhole] = useState(false);
  const zero = call.answered_at ?? call.started_at;
  const rows = useMemo(
    () => call.events.map((event) => ({ event, ...eventWords(event) })).sort((one, other) => one.event.at - other.event.at),
    [call.events],
  );
  const shown = rows.filter((row) => isWhole || row.isMain);
  if (rows.length === 0) return <Text c="dimmed">Nothing was noted.</Text>;
  return (
    <>
      <Switch
        label="Show every step"
        checked={isWhole}
        onChange={(event) => {
          setIsWhole(event.currentTarget.checked);
        }}
        mb="sm"
      />
      <ol className={classes.rows}>
        {shown.map(({ event, words }, index) => (
          <li key={index} className={classes.row}>
            {onSeek === null || event.at < zero ? (
              <span className={classes.at}>{(event.at - zero).toFixed(2)}</span>
            ) : (
              <button
                type="button"
                className={classes.at}
                aria-label={`Play from ${(event.at - zero).toFixed(2)} seconds: ${words}`}
                onClick={() => {
                  onSeek(event.at);
                }}
              >
                {(event.at - zero).toFixed(2)}
              </button>
            )}
            <span>
              {words}
              <span className={classes.detail}>{detailText(event.detail)}</span>
            </span>
          </li>
        ))}
      </ol>
      <Text size="sm" c="dimmed" mt="xs">
        Seconds since the answer.
      </Text>
    </>
  );
}
