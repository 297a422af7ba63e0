/** The timeline of a run in words; a screen reader is told each new line. */
import { Text } from "@mantine/core";
import { useEffect, useRef } from "react";
import type { TimelineLine } from "./rehearsals";
import classes from "./RunLines.module.css";

interface Props {
  lines: TimelineLine[];
  isRunning: boolean;
  onSeek: ((seconds: number, andPlay?: boolean) => void) | null;
}

export function RunLines({ lines, isRunning, onSeek }: Props) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isRunning && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [lines.length, isRunning]);
  if (lines.length === 0) return <Text c="dimmed">{isRunning ? "Nothing has happened yet." : "Nothing happened."}</Text>;
  return (
    // A keyboard must be able to scroll it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- see above
    <div className={classes.log} ref={list} role="log" aria-label="Timeline" tabIndex={0}>
    <ol className={classes.lines}>
      {lines.map((line) => (
        <li key={line.number} className={classes.line} data-kind={line.kind.split("_")[0]} data-trouble={line.is_trouble || undefined}>
          {onSeek === null || line.kind === "note" ? (
            <span className={classes.at}>{line.kind === "note" ? "" : line.at_s.toFixed(2)}</span>
          ) : (
            <button
              type="button"
              className={classes.at}
              aria-label={`Play from ${line.at_s.toFixed(2)} seconds`}
              onClick={() => {
                onSeek(line.at_s, true);
              }}
            >
              {line.at_s.toFixed(2)}
            </button>
          )}
          <span className={classes.words}>{line.words}</span>
        </li>
      ))}
    </ol>
    </div>
  );
}
