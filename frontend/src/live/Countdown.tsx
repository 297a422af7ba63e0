/** What the agent does next, and in how many seconds where a silence is counted. */
import { Progress, Text } from "@mantine/core";
import { useState } from "react";
import { useNow } from "../ui/useNow";
import { STATE_WORDS } from "./live";
import { remainingS, type LiveStory, type Silence } from "./liveStory";

const NEXT_WORDS = { check_in: "Check-in", hang_up: "Hang-up" };

export function Countdown({ story }: { story: LiveStory }) {
  if (story.silence === null || story.silence.next === null) {
    return (
      <>
        <Text fw={600}>{story.state === null ? "Waiting for the first word of it" : STATE_WORDS[story.state]}</Text>
        <Text size="sm" c="dimmed">
          {story.checkIns === null ? "No silence is being counted." : `Check-ins so far: ${String(story.checkIns.number)} of ${String(story.checkIns.of)}`}
        </Text>
      </>
    );
  }
  return <Counting key={`${story.silence.next}-${String(story.silence.dueAt)}`} silence={story.silence} clockAheadS={story.clockAheadS} />;
}

function Counting({ silence, clockAheadS }: { silence: Silence; clockAheadS: number | null }) {
  const now = useNow(0.1);
  const [begunWithS] = useState(() => Math.max(1, remainingS(silence, now, clockAheadS)));
  const left = remainingS(silence, now, clockAheadS);
  const next = silence.next === null ? "" : NEXT_WORDS[silence.next];
  return (
    <>
      <Text fw={600} ff="text" role="timer" aria-label={`${next} in about ${String(Math.ceil(left))} seconds`}>
        {next} in {left.toFixed(1)} s
      </Text>
      <Progress value={(left / begunWithS) * 100} color={silence.next === "hang_up" ? "brick" : "amber"} mt={6} aria-label={`Time until the ${next.toLowerCase()}`} transitionDuration={100} />
      <Text size="sm" c="dimmed" mt={6}>
        The caller is silent.
      </Text>
    </>
  );
}
