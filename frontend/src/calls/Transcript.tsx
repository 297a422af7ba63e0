/**
 * What was said, line by line. A line that is in the recording is a button that plays from there; the one that is being
 * played is marked. What the agent generated and nobody heard is set apart, and says so in words.
 */
import { Text } from "@mantine/core";
import { useEffect, useRef } from "react";
import classes from "./Transcript.module.css";
import { lineAt, type Line } from "./transcript";

interface Props {
  lines: Line[];
  /** Where the recording is; null: there is none. */
  positionS: number | null;
  isPlaying: boolean;
  onSeek: ((seconds: number, andPlay?: boolean) => void) | null;
}

export function Transcript({ lines, positionS, isPlaying, onSeek }: Props) {
  const current = positionS === null || positionS === 0 ? -1 : lineAt(lines, positionS);
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    if (isPlaying) list.current?.children[current]?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }, [current, isPlaying]);
  if (lines.length === 0) return <Text c="dimmed">Nothing was said.</Text>;
  return (
    <ol className={classes.lines} ref={list}>
      {lines.map((line, index) => (
        <li key={index} className={classes.line} data-speaker={line.turn.speaker} data-current={index === current || undefined} aria-current={index === current ? "true" : undefined}>
          <TranscriptLine line={line} onSeek={onSeek} />
        </li>
      ))}
    </ol>
  );
}

function TranscriptLine({ line, onSeek }: { line: Line; onSeek: Props["onSeek"] }) {
  const { atS } = line;
  const speaker = line.turn.speaker === "agent" ? "Agent" : "Caller";
  const content = (
    <>
      <span className={classes.head}>
        <span className={classes.speaker}>{speaker}</span>
        {atS !== null && <span className={classes.at}>{clock(atS)}</span>}
      </span>
      <span className={classes.text}>
        {line.heard && <span>{line.heard}</span>}
        {line.heard && line.unheard && " "}
        {line.unheard && (
          <span className={classes.unheard}>
            <span className={classes.mark}>{line.heard ? "cut off here, never heard:" : "never heard:"}</span> {line.unheard}
          </span>
        )}
        {line.turn.heard === "partly" && !line.unheard && <span className={classes.mark}> (cut off here)</span>}
      </span>
    </>
  );
  if (onSeek === null || atS === null || line.heard === "") return <div className={classes.block}>{content}</div>;
  return (
    <button
      type="button"
      className={classes.block}
      title="Play from here"
      onClick={() => {
        onSeek(atS, true);
      }}
    >
      {content}
    </button>
  );
}

function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${String(Math.floor(whole / 60))}:${String(whole % 60).padStart(2, "0")}`;
}
