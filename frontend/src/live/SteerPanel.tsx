/** Stepping in: an instruction that the caller does not hear, or another place to send them to. */
import { Button, Group, NativeSelect, Paper, Stack, Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconArrowForwardUp, IconPencil } from "@tabler/icons-react";
import { useState } from "react";
import { agentQuery } from "../agents/agents";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { notifyFailure, notifySuccess } from "../ui/notify";
import { messageOf } from "../wire/errors";
import { useTransfer, useWhisper, type LiveCall } from "./live";
import classes from "./LiveCallPage.module.css";

const LONGEST = 2000;

export function SteerPanel({ call }: { call: LiveCall }) {
  return (
    <Paper withBorder component="section" className={classes.panel} aria-label="Step in">
      <Stack gap="md">
        <Whisper callControlId={call.call_control_id} />
        {call.kind === "phone" && <TransferForm call={call} />}
      </Stack>
    </Paper>
  );
}

function Whisper({ callControlId }: { callControlId: string }) {
  const [text, setText] = useState("");
  const whisper = useWhisper(callControlId);
  const send = () => {
    if (text.trim() === "" || whisper.isPending) return;
    whisper.mutate(text.trim(), {
      onSuccess: () => {
        setText("");
        notifySuccess("The agent was told.");
      },
    });
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <Textarea
        label="Instruct the agent"
        description="For its next answer. The caller does not hear it."
        placeholder="Offer to call back tomorrow."
        maxLength={LONGEST}
        autosize
        minRows={2}
        maxRows={6}
        value={text}
        error={whisper.error ? messageOf(whisper.error) : undefined}
        onChange={(event) => {
          setText(event.currentTarget.value);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) send();
        }}
      />
      <Button type="submit" variant="default" mt="xs" leftSection={<IconPencil size={16} />} loading={whisper.isPending} disabled={text.trim() === ""}>
        Whisper
      </Button>
    </form>
  );
}

function TransferForm({ call }: { call: LiveCall }) {
  const agent = useQuery(agentQuery(call.agent_id));
  const targets = agent.data?.config.transfer_targets ?? [];
  const [chosen, setChosen] = useState("");
  const [isAsking, setIsAsking] = useState(false);
  const transfer = useTransfer(call.call_control_id);
  const target = chosen || (targets[0]?.name ?? "");
  if (targets.length === 0) return null;
  return (
    <>
      <Group align="end" gap="xs" wrap="nowrap">
        <NativeSelect
          label="Hand the caller over to"
          flex={1}
          value={target}
          onChange={(event) => {
            setChosen(event.currentTarget.value);
          }}
          data={targets.map(({ name }) => name)}
        />
        <Button
          variant="default"
          leftSection={<IconArrowForwardUp size={17} />}
          onClick={() => {
            setIsAsking(true);
          }}
        >
          Transfer
        </Button>
      </Group>
      <ConfirmDialog
        isOpen={isAsking}
        title="Hand the caller over?"
        confirmLabel="Transfer"
        isDangerous={false}
        isBusy={transfer.isPending}
        onCancel={() => {
          setIsAsking(false);
        }}
        onConfirm={() => {
          transfer.mutate(target, {
            onSuccess: () => {
              notifySuccess(`The caller is being connected to ${target}.`);
            },
            onError: notifyFailure,
            onSettled: () => {
              setIsAsking(false);
            },
          });
        }}
      >
        The agent stops at once, and the caller is connected to <strong>{target}</strong>.
      </ConfirmDialog>
    </>
  );
}
