/** The transcript while it is heard. New lines are read out by a screen reader; who scrolled up is left where they are. */
import { Text } from "@mantine/core";
import { IconPencil } from "@tabler/icons-react";
import { useEffect, useRef } from "react";
import classes from "./LiveTranscript.module.css";
import type { LiveLine } from "./liveStory";

const AT_THE_END_PX = 60;
const SPEAKERS: Record<LiveLine["speaker"], string> = { caller: "Caller", agent: "Agent", watcher: "Instruction", system: "" };

export function LiveTranscript({ lines, isRunning }: { lines: LiveLine[]; isRunning: boolean }) {
  const list = useRef<HTMLDivElement>(null);
  const isFollowing = useRef(true);
  useEffect(() => {
    const element = list.current;
    if (element !== null && isFollowing.current) element.scrollTop = element.scrollHeight;
  }, [lines]);
  if (lines.length === 0) return <Text c="dimmed">{isRunning ? "Nothing has been said yet." : "Nothing was said."}</Text>;
  return (
    <div
      ref={list}
      className={classes.log}
      role="log"
      aria-label="Transcript"
      // A keyboard must be able to scroll it.
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- see above
      tabIndex={0}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        isFollowing.current = scrollHeight - scrollTop - clientHeight < AT_THE_END_PX;
      }}
    >
      <ol className={classes.lines}>
      {lines.map((line) => (
        <li key={line.key} className={classes.line} data-speaker={line.speaker} data-interim={!line.isFinal || undefined}>
          {SPEAKERS[line.speaker] && (
            <span className={classes.speaker}>
              {line.speaker === "watcher" && <IconPencil size={13} aria-hidden="true" />} {SPEAKERS[line.speaker]}
            </span>
          )}
          <span className={classes.text}>
            {line.heard === "unheard" ? (
              <span className={classes.unheard}>
                <em>never heard:</em> {line.text}
              </span>
            ) : (
              line.text
            )}
            {line.unheardText && (
              <span className={classes.unheard}>
                {" "}
                <em>cut off here, never heard:</em> {line.unheardText}
              </span>
            )}
            {line.heard === "partly" && !line.unheardText && <em className={classes.unheard}> (cut off here)</em>}
          </span>
        </li>
      ))}
      </ol>
    </div>
  );
}
