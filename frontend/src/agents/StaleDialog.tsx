/**
 * Somebody else saved this agent while it was being changed here. Shows every field in which the two are not the same;
 * each is taken from one side or the other. What only one of them changed is chosen already.
 */
import { Alert, Badge, Button, Group, Modal, Radio, Text } from "@mantine/core";
import { useState } from "react";
import { Instant } from "../ui/Instant";
import { messageOf } from "../wire/errors";
import type { Agent, AgentConfig } from "./agents";
import { meetings, merged, type Side } from "./diff";
import { DiffTable } from "./DiffTable";

export interface Stale {
  /** What my changes were made from. */
  base: AgentConfig;
  mine: AgentConfig;
  theirs: Agent;
}

interface Props {
  stale: Stale;
  /** Save this as the version after theirs. Rejects with the API's refusal. */
  onSave: (config: AgentConfig, version: number) => Promise<void>;
  onTakeTheirs: () => void;
  onClose: () => void;
}

export default function StaleDialog({ stale, onSave, onTakeTheirs, onClose }: Props) {
  const { base, mine, theirs } = stale;
  const found = meetings(base, mine, theirs.config);
  const [choices, setChoices] = useState<Record<string, Side>>({});
  const [isSaving, setSaving] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const choiceOf = (path: string): Side =>
    choices[path] ?? found.find((meeting) => meeting.path === path)?.suggested ?? "theirs";

  const save = async () => {
    setSaving(true);
    setFailure(null);
    try {
      await onSave(merged(theirs.config, found, choiceOf), theirs.version);
    } catch (error) {
      setFailure(messageOf(error));
      setSaving(false);
    }
  };

  return (
    <Modal
      opened
      onClose={onClose}
      size="xl"
      title="Somebody else saved this agent meanwhile"
      closeButtonProps={{ "aria-label": "Close and go on editing" }}
      closeOnClickOutside={false}
    >
      <Text mb="md">
        Version {theirs.version} was saved <Instant at={theirs.updated_at} />. Nothing of yours is lost: choose for each
        field, and save both together.
      </Text>
      {failure !== null && (
        <Alert color="brick" mb="md" role="alert">
          {failure}
        </Alert>
      )}
      {found.length === 0 ? (
        <Text c="dimmed">They made the very same changes as you.</Text>
      ) : (
        <DiffTable
          columns={["Yours", "Theirs"]}
          rows={found.map(({ path, mine: my, theirs: their, isConflict }) => ({
            path,
            cells: [my, their],
            note: isConflict && (
              <Badge color="amber" display="block" w="fit-content" mt={4}>
                both changed it
              </Badge>
            ),
          }))}
          wrap={(row, index, text) => {
            const side: Side = index === 0 ? "mine" : "theirs";
            return (
              <Radio
                name={row.path}
                label={text}
                checked={choiceOf(row.path) === side}
                onChange={() => {
                  setChoices({ ...choices, [row.path]: side });
                }}
              />
            );
          }}
        />
      )}
      <Group justify="flex-end" mt="lg" gap="sm">
        <Button variant="subtle" color="gray" onClick={onClose} disabled={isSaving}>
          Go on editing
        </Button>
        <Button variant="default" onClick={onTakeTheirs} disabled={isSaving}>
          Take theirs
        </Button>
        {found.length > 0 && (
          <Button onClick={() => void save()} loading={isSaving}>
            Save what is chosen
          </Button>
        )}
      </Group>
    </Modal>
  );
}
