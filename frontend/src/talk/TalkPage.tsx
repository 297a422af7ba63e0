/** Talk to an agent in the browser: the same agent, the same session as on the telephone. */
import { Alert, Badge, Button, Group, NativeSelect, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconHandStop, IconMicrophone, IconMicrophoneOff, IconPhone, IconPhoneOff, IconRobot, IconSend } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { useMay } from "../access/session";
import { agentsQuery, type Agent } from "../agents/agents";
import { EmptyState, Loaded } from "../ui/Loaded";
import { LevelMeter } from "../ui/LevelMeter";
import { LinkButton } from "../ui/LinkButton";
import { Page } from "../ui/Page";
import { useWakeLock } from "../wire/useWakeLock";
import classes from "./TalkPage.module.css";
import { endText, type TalkLine } from "./talkStory";
import { useTalk, type Talk } from "./useTalk";

const LONGEST_TEXT = 2000;

export function Component() {
  const agents = useQuery(agentsQuery);
  const may = useMay("editor");
  return (
    <Page title="Talk" about="Speak or type to an agent: the same agent, the same session as on the telephone.">
      {may ? (
        <Loaded
          query={agents}
          isEmpty={(list) => list.length === 0}
          empty={
            <EmptyState icon={IconRobot} title="No agents yet" action={<LinkButton to="/agents">Go to the agents</LinkButton>}>
              There is nobody to talk to until there is an agent.
            </EmptyState>
          }
        >
          {(list) => <Conversation agents={list} />}
        </Loaded>
      ) : (
        <EmptyState icon={IconMicrophoneOff} title="Only for editors">
          Talking costs time and money like a call: an admin can give you the role.
        </EmptyState>
      )}
    </Page>
  );
}

function Conversation({ agents }: { agents: Agent[] }) {
  const { agentId } = useParams();
  const navigate = useNavigate();
  const chosen = agents.find((agent) => agent.id === agentId) ?? agents[0];
  const talk = useTalk();
  const isRunning = talk.phase === "connecting" || talk.phase === "talking";
  useWakeLock(isRunning);
  return (
    <div className={classes.columns}>
      <Paper withBorder className={classes.panel} component="section" aria-label="The line">
        <Stack gap="md">
          <NativeSelect
            label="Agent"
            value={chosen?.id}
            disabled={isRunning}
            data={agents.map(({ id, config }) => ({ value: id, label: config.name }))}
            onChange={(event) => void navigate(`/talk/${event.currentTarget.value}`, { replace: true })}
          />
          {isRunning ? (
            <Button color="brick" size="md" leftSection={<IconPhoneOff size={19} />} onClick={talk.hangUp} disabled={talk.phase === "connecting"}>
              Hang up
            </Button>
          ) : (
            <Button
              size="md"
              leftSection={<IconPhone size={19} />}
              onClick={() => {
                if (chosen) talk.begin(chosen.id);
              }}
            >
              {talk.phase === "over" ? "Call again" : "Start talking"}
            </Button>
          )}
          <LineState talk={talk} />
        </Stack>
      </Paper>
      <Paper withBorder className={classes.panel} component="section" aria-labelledby="captions">
        <Group justify="space-between" mb="sm">
          <Title order={2} id="captions">
            Captions
          </Title>
          {talk.phase === "talking" && <Badge color="amber">on the line</Badge>}
        </Group>
        <Captions lines={talk.story.lines} isRunning={isRunning} />
        <Notices talk={talk} />
        {talk.phase === "talking" && <TypeLine talk={talk} />}
      </Paper>
    </div>
  );
}

function LineState({ talk }: { talk: Talk }) {
  if (talk.phase === "connecting") return <Text role="status">Connecting …</Text>;
  if (talk.phase !== "talking") {
    return (
      <Text size="sm" c="dimmed">
        Your browser asks for the microphone when the agent can hear it. You can always type instead.
      </Text>
    );
  }
  return (
    <>
      <div className={classes.meters}>
        <LevelMeter label="You" level={talk.levels.caller} side="caller" />
        <LevelMeter label="Agent" level={talk.levels.agent} side="agent" />
      </div>
      {talk.story.hearsAudio ? (
        <Button
          variant="default"
          leftSection={talk.microphone === "open" ? <IconMicrophone size={18} /> : <IconMicrophoneOff size={18} />}
          loading={talk.microphone === "opening"}
          aria-pressed={talk.microphone === "open"}
          onClick={talk.toggleMicrophone}
        >
          {talk.microphone === "open" ? "Microphone is on" : "Turn the microphone on"}
        </Button>
      ) : (
        <Alert color="gray" title="Type to this agent">
          This installation has no recogniser of its own for it, so a microphone would not be heard.
        </Alert>
      )}
      <Button variant="subtle" color="gray" leftSection={<IconHandStop size={18} />} onClick={talk.interrupt}>
        Interrupt the agent
      </Button>
      {talk.microphoneTrouble && (
        <Alert color="amber" title="No microphone" role="alert">
          {talk.microphoneTrouble} You can type meanwhile.
        </Alert>
      )}
    </>
  );
}

function Notices({ talk }: { talk: Talk }) {
  const { story } = talk;
  return (
    <div aria-live="polite">
      {story.refusal && (
        <Alert color="amber" mt="md" title={story.sessionId === null ? "The call was not taken" : undefined}>
          {story.refusal}
        </Alert>
      )}
      {talk.connectionTrouble && !story.refusal && (
        <Alert color="brick" mt="md" title={talk.connectionTrouble}>
          {story.sessionId === null ? "Call again when the server can be reached." : "The agent waits a moment, then ends the call. Call again to go on."}
        </Alert>
      )}
      {talk.phase === "over" && story.endReason !== null && (
        <Alert color="petrol" mt="md" title="The conversation is over">
          {endText(story.endReason)}
        </Alert>
      )}
      {talk.phase === "over" && story.sessionId && (
        <LinkButton variant="subtle" mt="xs" to={`/calls/${encodeURIComponent(story.sessionId)}`}>
          Read the call
        </LinkButton>
      )}
    </div>
  );
}

function Captions({ lines, isRunning }: { lines: TalkLine[]; isRunning: boolean }) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [lines]);
  if (lines.length === 0) {
    return (
      <Text c="dimmed" className={classes.nothing}>
        {isRunning ? "Listening …" : "What you and the agent say appears here."}
      </Text>
    );
  }
  return (
    // A keyboard must be able to scroll it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- see above
    <div ref={list} className={classes.log} role="log" aria-label="Captions" tabIndex={0}>
    <ol className={classes.lines}>
      {lines.map((line) => (
        <li key={line.key} className={classes.line} data-speaker={line.speaker}>
          <span className={classes.speaker}>{line.speaker === "agent" ? "Agent" : "You"}</span>
          <span className={classes.text}>
            {line.text}
            {!line.isFinal && " …"}
            {line.isCut && <em> (cut off here)</em>}
          </span>
        </li>
      ))}
    </ol>
    </div>
  );
}

function TypeLine({ talk }: { talk: Talk }) {
  const [text, setText] = useState("");
  return (
    <form
      className={classes.type}
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() === "") return;
        talk.say(text.trim());
        setText("");
      }}
    >
      <TextInput
        aria-label="Type to the agent"
        placeholder="Type instead of speaking"
        maxLength={LONGEST_TEXT}
        autoComplete="off"
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
        }}
      />
      <Button type="submit" leftSection={<IconSend size={17} />} disabled={text.trim() === ""}>
        Say it
      </Button>
    </form>
  );
}
