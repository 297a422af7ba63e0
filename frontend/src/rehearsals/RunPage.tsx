/** One run: the timeline as it grows, then the verdict, the recording, and what changed since the last run. */
import { Alert, Button, Paper, Stack, Text, Title } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { IconBroadcast, IconPhoneCall, IconPlayerStop, IconRefresh } from "@tabler/icons-react";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { useMay } from "../access/session";
import { RecordingPlayer } from "../audio/RecordingPlayer";
import { usePlayback } from "../audio/usePlayback";
import { Instant } from "../ui/Instant";
import { LinkButton } from "../ui/LinkButton";
import { Loaded, SkeletonRows } from "../ui/Loaded";
import { notifyFailure } from "../ui/notify";
import { Page } from "../ui/Page";
import { useEventStream } from "../wire/useEventStream";
import { useWakeLock } from "../wire/useWakeLock";
import { CheckList } from "./CheckList";
import { ComparisonPanel } from "./ComparisonPanel";
import { isUnderWay, runQuery, runRecordingUrl, runsQuery, useCancelRun, type Run, type RunSummary } from "./rehearsals";
import { RunDialog } from "./RunDialog";
import { RunLines } from "./RunLines";
import { RunPicture } from "./RunPicture";
import { RunState } from "./RunState";
import classes from "./RunPage.module.css";
import { NOTHING_YET, tell } from "./runStory";

export function Component() {
  const { runId = "" } = useParams();
  const run = useQuery(runQuery(runId));
  return (
    <Loaded
      query={run}
      skeleton={
        <Page title="Run" back={{ to: "/rehearsals", label: "Rehearsals" }}>
          <SkeletonRows count={3} height={140} />
        </Page>
      }
    >
      {(found) => <RunBody key={found.id} run={found} />}
    </Loaded>
  );
}

function RunBody({ run }: { run: Run }) {
  const queries = useQueryClient();
  const mayRun = useMay("editor");
  const [story, setStory] = useState(NOTHING_YET);
  const [isRepeating, setIsRepeating] = useState(false);
  const [wasUnderWay] = useState(isUnderWay(run));
  useEventStream({
    url: wasUnderWay ? `/api/rehearsals/runs/${run.id}/events` : null,
    onEvent: (event) => {
      setStory((before) => tell(before, event));
      if (event.name === "over") {
        void queries.invalidateQueries({ queryKey: runQuery(run.id).queryKey });
        void queries.invalidateQueries({ queryKey: runsQuery(run.name).queryKey });
      }
    },
    isLast: (event) => event.name === "over",
  });
  const summary: RunSummary = isUnderWay(run) ? (story.summary ?? run) : run;
  const lines = story.lines.length > run.timeline.length ? story.lines : run.timeline;
  const underWay = isUnderWay(summary);
  useWakeLock(underWay);
  const playback = usePlayback();
  const call = summary.call_control_id;
  return (
    <Page
      title={run.name}
      back={{ to: `/rehearsals/${run.name}`, label: run.name }}
      about={
        <span className={classes.head} aria-live="polite">
          <RunState state={summary.state} />
          <span>with {run.agent_id === null ? "its own agent" : run.agent_name}</span>
          <Instant at={run.queued_at} />
        </span>
      }
      actions={
        <>
          {underWay && mayRun && <CancelButton runId={run.id} isCancelled={run.is_cancelled} />}
          {call !== null && summary.state === "running" && (
            <LinkButton to={`/live/${encodeURIComponent(call)}`} leftSection={<IconBroadcast size={17} />}>
              Watch the call
            </LinkButton>
          )}
          {call !== null && !underWay && (
            <LinkButton variant="default" to={`/calls/${encodeURIComponent(call)}`} leftSection={<IconPhoneCall size={17} />}>
              Open the call
            </LinkButton>
          )}
          {!underWay && mayRun && (
            <Button
              leftSection={<IconRefresh size={17} />}
              onClick={() => {
                setIsRepeating(true);
              }}
            >
              Run again
            </Button>
          )}
        </>
      }
    >
      <Stack gap="lg">
        {summary.problem && (
          <Alert color={summary.state === "broken" ? "gray" : "brick"} title={summary.state === "broken" ? "It could not be played" : "What went wrong"} className={classes.problem}>
            {summary.problem}
          </Alert>
        )}
        {summary.state === "queued" && (
          <Alert color="gray" title="Waiting for its turn">
            {run.ahead > 0 ? `${String(run.ahead)} ${run.ahead === 1 ? "run comes" : "runs come"} before it; ` : ""}
            runs are played one at a time. If nothing happens, the process “rehearsals” of the installation is not running.
          </Alert>
        )}
        <RunPicture lines={lines} isRunning={summary.state === "running"} />
        {run.recording_s !== null && <RecordingPlayer playback={playback} url={runRecordingUrl(run.id)} downloadUrl={runRecordingUrl(run.id)} durationS={run.recording_s} />}
        <div className={classes.columns}>
          <Paper withBorder component="section" className={classes.panel} aria-labelledby="timeline">
            <Title order={2} id="timeline">
              Timeline
            </Title>
            <RunLines lines={lines} isRunning={underWay} onSeek={run.recording_s === null ? null : playback.seek} />
          </Paper>
          <div className={classes.side}>
            {run.checks.length > 0 && <CheckList checks={run.checks} />}
            {run.compared && <ComparisonPanel compared={run.compared} />}
            {!underWay && !run.compared && run.checks.length > 0 && (
              <Text c="dimmed" size="sm">
                The first run of this rehearsal here: the next one is compared with it. <Link to={`/rehearsals/${run.name}`}>Its text</Link>
              </Text>
            )}
          </div>
        </div>
      </Stack>
      <RunDialog
        name={isRepeating ? run.name : null}
        onClose={() => {
          setIsRepeating(false);
        }}
      />
    </Page>
  );
}

function CancelButton({ runId, isCancelled }: { runId: string; isCancelled: boolean }) {
  const cancel = useCancelRun();
  return (
    <Button
      variant="default"
      leftSection={<IconPlayerStop size={17} />}
      disabled={isCancelled || cancel.isSuccess}
      loading={cancel.isPending}
      onClick={() => {
        cancel.mutate(runId, { onError: notifyFailure });
      }}
    >
      Break it off
    </Button>
  );
}
