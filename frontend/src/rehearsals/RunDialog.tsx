/** Asks with which agent a rehearsal is played, and begins. */
import { Alert, Button, Group, Modal, NativeSelect, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useState } from "react";
import { useNavigate } from "react-router";
import { agentsQuery } from "../agents/agents";
import { messageOf } from "../wire/errors";
import { useBeginRun } from "./rehearsals";

const OWN = "";

export function RunDialog({ name, onClose }: { name: string | null; onClose: () => void }) {
  const agents = useQuery({ ...agentsQuery, enabled: name !== null });
  const [agentId, setAgentId] = useState(OWN);
  const begin = useBeginRun();
  const navigate = useNavigate();
  const close = () => {
    begin.reset();
    onClose();
  };
  return (
    <Modal opened={name !== null} onClose={close} title={`Run “${name ?? ""}”`} closeButtonProps={{ "aria-label": "Close" }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (name === null) return;
          begin.mutate(
            { name, agentId: agentId === OWN ? null : agentId },
            {
              onSuccess: (runId) => {
                onClose();
                void navigate(`/rehearsals/runs/${runId}`);
              },
            },
          );
        }}
      >
        <NativeSelect
          label="Agent"
          description="An agent of yours is played with all its settings, on a number made for the run."
          value={agentId}
          onChange={(event) => {
            setAgentId(event.currentTarget.value);
          }}
          data={[
            { value: OWN, label: "The rehearsal's own" },
            ...(agents.data ?? []).map(({ id, config }) => ({ value: id, label: config.name })),
          ]}
          data-autofocus
        />
        {agentId !== OWN && (
          <Text size="sm" c="dimmed" mt="xs">
            The rehearsal still expects what is written in it: an agent with other times or words may fail it.
          </Text>
        )}
        {begin.error && (
          <Alert color="brick" mt="md" role="alert">
            {messageOf(begin.error)}
          </Alert>
        )}
        <Group justify="flex-end" mt="lg">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" leftSection={<IconPlayerPlay size={16} />} loading={begin.isPending}>
            Run
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
