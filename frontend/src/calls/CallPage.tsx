/** One call: transcript beside the recording, how long each answer took, what happened, and why it ended. */
import { Button, Paper, Skeleton, Stack, Tabs, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { IconBroadcast, IconTrash } from "@tabler/icons-react";
import { useMemo } from "react";
import { useNavigate, useParams } from "react-router";
import { useMay } from "../access/session";
import { AgentName } from "../agents/AgentName";
import { RecordingPlayer } from "../audio/RecordingPlayer";
import { usePlayback } from "../audio/usePlayback";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { durationText } from "../ui/format";
import { Instant } from "../ui/Instant";
import { LinkButton } from "../ui/LinkButton";
import { Loaded } from "../ui/Loaded";
import { notifyFailure, notifySuccess } from "../ui/notify";
import { Page } from "../ui/Page";
import classes from "./CallPage.module.css";
import { callQuery, recordingUrl, useDeleteCall, type Call } from "./calls";
import { CallSummaryPanel } from "./CallSummaryPanel";
import { CallTimeline } from "./CallTimeline";
import { LatencyBars } from "./LatencyBars";
import { OutcomeBadge } from "./OutcomeBadge";
import { linesOf } from "./transcript";
import { Transcript } from "./Transcript";
import { endText, numberText } from "./words";

export function Component() {
  const { callControlId = "" } = useParams();
  const call = useQuery(callQuery(callControlId));
  const [isDeleting, deleting] = useDisclosure(false);
  const mayDelete = useMay("admin");
  const isOver = call.data !== undefined && call.data.ended_at !== null;
  return (
    <Page
      title="Call"
      back={{ to: "/calls", label: "Calls" }}
      isWide
      about={call.data && <CallHead call={call.data} />}
      actions={
        <>
          {call.data !== undefined && !isOver && (
            <LinkButton to={`/live/${encodeURIComponent(callControlId)}`} leftSection={<IconBroadcast size={18} />}>
              Watch it live
            </LinkButton>
          )}
          {isOver && mayDelete && (
            <Button variant="default" leftSection={<IconTrash size={16} />} onClick={deleting.open}>
              Delete
            </Button>
          )}
        </>
      }
    >
      <Loaded query={call} skeleton={<CallSkeleton />}>
        {(found) => <CallBody call={found} />}
      </Loaded>
      <DeleteDialog callControlId={callControlId} isOpen={isDeleting} onClose={deleting.close} />
    </Page>
  );
}

function CallHead({ call }: { call: Call }) {
  const name = <AgentName id={call.agent_id} version={call.agent_version} />;
  const isBrowser = call.call_control_id.startsWith("web-");
  return (
    <span className={classes.head}>
      <OutcomeBadge call={call} />
      <span>
        {isBrowser ? "from a browser" : <span className={classes.number}>{numberText(call.from_number)}</span>}
        {" → "}
        {isBrowser ? name : <span className={classes.number}>{numberText(call.to_number)}</span>}
      </span>
      {!isBrowser && <span>{name}</span>}
      <Instant at={call.started_at} isExact />
    </span>
  );
}

function CallBody({ call }: { call: Call }) {
  const playback = usePlayback();
  const { recording } = call;
  const hasSound = recording !== null && recording !== undefined && recording.state !== "failed" && recording.duration_s > 0;
  const startedAt = hasSound ? (recording.started_at ?? call.answered_at ?? call.started_at) : null;
  const lines = useMemo(() => linesOf(call.turns, startedAt), [call.turns, startedAt]);
  return (
    <Stack gap="lg">
      <Facts call={call} />
      {hasSound ? (
        <RecordingPlayer
          playback={playback}
          url={recordingUrl(call.call_control_id)}
          downloadUrl={recordingUrl(call.call_control_id, { download: true })}
          durationS={recording.duration_s}
        />
      ) : (
        <Text c="dimmed" size="sm">
          {recording?.state === "failed" ? "The recording of this call failed." : "This call was not recorded."}
        </Text>
      )}
      <div className={classes.columns}>
        <Paper withBorder className={classes.panel} component="section" aria-labelledby="transcript">
          <Title order={2} id="transcript">
            Transcript
          </Title>
          <Transcript lines={lines} positionS={hasSound ? playback.positionS : null} isPlaying={playback.isPlaying} onSeek={hasSound ? playback.seek : null} />
        </Paper>
        <div className={classes.side}>
          {call.summary && <CallSummaryPanel summary={call.summary} />}
          <Paper withBorder className={classes.panel} component="section" aria-label="Details">
            <Tabs defaultValue="latency" keepMounted={false}>
              <Tabs.List>
                <Tabs.Tab value="latency">Waiting times</Tabs.Tab>
                <Tabs.Tab value="timeline">Timeline</Tabs.Tab>
              </Tabs.List>
              <Tabs.Panel value="latency" pt="md">
                <LatencyBars latencies={call.latencies} />
              </Tabs.Panel>
              <Tabs.Panel value="timeline" pt="md">
                <CallTimeline call={call} onSeek={startedAt === null ? null : (at) => { playback.seek(at - startedAt, true); }} />
              </Tabs.Panel>
            </Tabs>
          </Paper>
        </div>
      </div>
    </Stack>
  );
}

function Facts({ call }: { call: Call }) {
  const talked = call.ended_at === null ? null : call.ended_at - (call.answered_at ?? call.started_at);
  return (
    <dl className={classes.facts}>
      <div>
        <dt>How it ended</dt>
        <dd>{endText(call)}</dd>
      </div>
      <div>
        <dt>Length</dt>
        <dd>{talked === null ? "running" : durationText(Math.max(0, talked))}</dd>
      </div>
      <div>
        <dt>Rang for</dt>
        <dd>{call.answered_at === null ? "not answered" : durationText(Math.max(0, call.answered_at - call.started_at))}</dd>
      </div>
      <div>
        <dt>Check-ins</dt>
        <dd>{call.check_ins}</dd>
      </div>
    </dl>
  );
}

function DeleteDialog({ callControlId, isOpen, onClose }: { callControlId: string; isOpen: boolean; onClose: () => void }) {
  const remove = useDeleteCall();
  const navigate = useNavigate();
  return (
    <ConfirmDialog
      isOpen={isOpen}
      title="Delete this call?"
      confirmLabel="Delete call"
      isBusy={remove.isPending}
      onCancel={onClose}
      onConfirm={() => {
        remove.mutate(callControlId, {
          onSuccess: () => {
            notifySuccess("The call is deleted.");
            void navigate("/calls");
          },
          onError: (error) => {
            notifyFailure(error);
            onClose();
          },
        });
      }}
    >
      Its transcript, its recording and everything else that is known of it are removed. This cannot be undone.
    </ConfirmDialog>
  );
}

function CallSkeleton() {
  return (
    <Stack gap="lg">
      <Skeleton height={64} radius="lg" />
      <Skeleton height={130} radius="lg" />
      <div className={classes.columns}>
        <Skeleton height={360} radius="lg" />
        <Skeleton height={240} radius="lg" />
      </div>
    </Stack>
  );
}
