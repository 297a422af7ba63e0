/** One running call: its transcript as it is heard, what comes next, and what can be done: listen, instruct, send on, end. */
import { Alert, Badge, Button, Paper, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { IconClockPause, IconPhoneCall, IconPhoneOff } from "@tabler/icons-react";
import { useState } from "react";
import { useParams } from "react-router";
import { useMay } from "../access/session";
import { useHangUp } from "../calls/calls";
import { endText, numberText } from "../calls/words";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { durationText } from "../ui/format";
import { LinkButton } from "../ui/LinkButton";
import { EmptyState, Failure, SkeletonRows } from "../ui/Loaded";
import { notifyFailure, notifySuccess } from "../ui/notify";
import { Page } from "../ui/Page";
import { useNow } from "../ui/useNow";
import { ApiError } from "../wire/errors";
import { useEventStream } from "../wire/useEventStream";
import { useWakeLock } from "../wire/useWakeLock";
import { ConnectionNotice } from "./ConnectionNotice";
import { Countdown } from "./Countdown";
import { eventsUrl, isLive, liveCallQuery, STATE_COLORS, STATE_WORDS, type LiveCall } from "./live";
import classes from "./LiveCallPage.module.css";
import { ListenPanel } from "./ListenPanel";
import { LiveTranscript } from "./LiveTranscript";
import { NOTHING_YET, tell, type LiveStory } from "./liveStory";
import { SteerPanel } from "./SteerPanel";
import { TonePanel } from "./TonePanel";

export function Component() {
  const { callControlId = "" } = useParams();
  return <Watch key={callControlId} callControlId={callControlId} />;
}

function Watch({ callControlId }: { callControlId: string }) {
  const [story, setStory] = useState<LiveStory>(NOTHING_YET);
  const call = useQuery(liveCallQuery(callControlId));
  const stream = useEventStream({
    url: eventsUrl(callControlId),
    onEvent: (event) => {
      const now = Date.now() / 1000;
      setStory((before) => tell(before, event, now));
    },
    isAlive: () => isLive(callControlId),
    isLast: (event) => event.name === "ended",
  });
  const isOver = story.ended !== null || stream.state === "timed_out";
  useWakeLock(!isOver && stream.state === "open");
  const isGone = call.error instanceof ApiError && call.error.status === 404;
  const wasSeen = call.data !== undefined || story.state !== null || story.lines.length > 0;
  return (
    <Page
      title="Live call"
      back={{ to: "/live", label: "Live" }}
      isWide
      about={call.data && <Head call={call.data} story={story} isOver={isOver} />}
      actions={!isOver && call.data !== undefined && <HangUpButton callControlId={callControlId} />}
    >
      <ConnectionNotice state={stream.state} onRetry={stream.retryNow} />
      {story.ended && (
        <Alert color="petrol" mb="md" title="The call is over" role="status" icon={<IconPhoneOff size={18} />}>
          {endText({ outcome: story.ended.outcome, who_hung_up: story.ended.whoHungUp, hangup_cause: "", ended_at: 1 })}{" "}
          <LinkButton variant="subtle" size="compact-sm" to={`/calls/${encodeURIComponent(callControlId)}`}>
            Read it
          </LinkButton>
        </Alert>
      )}
      {stream.state === "timed_out" && story.ended === null && wasSeen && <TimedOut callControlId={callControlId} />}
      {!wasSeen && (isGone || stream.state === "timed_out") ? (
        <EmptyState
          icon={IconPhoneCall}
          title="This call is not running"
          action={<LinkButton to={`/calls/${encodeURIComponent(callControlId)}`}>Look for its record</LinkButton>}
        >
          It has ended, or the link is not right.
        </EmptyState>
      ) : call.isPending ? (
        <SkeletonRows count={3} height={120} />
      ) : call.error && !wasSeen ? (
        <Failure error={call.error} onRetry={() => void call.refetch()} />
      ) : (
        <Body callControlId={callControlId} call={call.data} story={story} isOver={isOver} />
      )}
    </Page>
  );
}

function TimedOut({ callControlId }: { callControlId: string }) {
  return (
    <Alert color="gray" mb="md" title="Session timed out" icon={<IconClockPause size={18} />} role="status">
      Nobody was watching, or the call ended while this page was hidden. What was shown before stays below.{" "}
      <LinkButton variant="subtle" size="compact-sm" to={`/calls/${encodeURIComponent(callControlId)}`}>
        Read the call
      </LinkButton>
    </Alert>
  );
}

function Head({ call, story, isOver }: { call: LiveCall; story: LiveStory; isOver: boolean }) {
  const now = useNow(1);
  const state = story.state ?? call.state;
  const other = call.direction === "outgoing" ? call.to_number : call.from_number;
  return (
    <span className={classes.head}>
      {isOver ? <Badge color="gray">Over</Badge> : <Badge color={STATE_COLORS[state]}>{STATE_WORDS[state]}</Badge>}
      <span className={classes.number}>{call.kind === "phone" ? numberText(other) : call.kind === "browser" ? "Browser" : "LiveKit"}</span>
      <span>with {call.agent_name}</span>
      {!isOver && <span className={classes.length}>{durationText(Math.max(0, Math.floor(now - (story.clockAheadS ?? 0) - call.started_at)))}</span>}
    </span>
  );
}

interface BodyProps {
  callControlId: string;
  call: LiveCall | undefined;
  story: LiveStory;
  isOver: boolean;
}

function Body({ callControlId, call, story, isOver }: BodyProps) {
  const maySteer = useMay("editor");
  const latest = story.latencies.findLast((one) => one.firstAudioS !== null);
  return (
    <div className={classes.columns}>
      <Paper withBorder component="section" className={classes.panel} aria-labelledby="transcript">
        <Title order={2} id="transcript">
          Transcript
        </Title>
        <LiveTranscript lines={story.lines} isRunning={!isOver} />
      </Paper>
      <Stack gap="md">
        {!isOver && (
          <Paper withBorder component="section" className={classes.panel} aria-label="What comes next">
            <Countdown story={story} />
            {latest?.firstAudioS !== null && latest !== undefined && (
              <Text size="sm" c="dimmed" mt="xs">
                Last answer after <strong>{latest.firstAudioS.toFixed(2)} s</strong>
              </Text>
            )}
          </Paper>
        )}
        {!isOver && <ListenPanel callControlId={callControlId} />}
        {!isOver && maySteer && call !== undefined && <SteerPanel call={call} />}
        <TonePanel story={story} />
      </Stack>
    </div>
  );
}

function HangUpButton({ callControlId }: { callControlId: string }) {
  const [isAsking, asking] = useDisclosure(false);
  const hangUp = useHangUp();
  const may = useMay("editor");
  if (!may) return null;
  return (
    <>
      <Button color="brick" leftSection={<IconPhoneOff size={17} />} onClick={asking.open}>
        Hang up
      </Button>
      <ConfirmDialog
        isOpen={isAsking}
        title="End this call?"
        confirmLabel="Hang up"
        isBusy={hangUp.isPending}
        onCancel={asking.close}
        onConfirm={() => {
          hangUp.mutate(callControlId, {
            onSuccess: () => {
              notifySuccess("The call is being ended.");
            },
            onError: notifyFailure,
            onSettled: asking.close,
          });
        }}
      >
        The caller is cut off at once, without a goodbye.
      </ConfirmDialog>
    </>
  );
}
