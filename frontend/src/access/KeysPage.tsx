/** Keys for programs. A key's secret is shown once, when it is made. */
import { ActionIcon, Badge, Button, Paper, Table, Text, VisuallyHidden } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { IconKey, IconPlus, IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { EmptyState, Loaded } from "../ui/Loaded";
import { notifyFailure, notifySuccess } from "../ui/notify";
import { Page } from "../ui/Page";
import { Instant } from "../ui/Instant";
import { NewKeyDialog } from "./NewKeyDialog";
import { RoleList } from "./RoleList";
import { keysQuery, useDeleteKey, type ApiKey } from "./users";

export function Component() {
  const keys = useQuery(keysQuery);
  const [isAdding, adding] = useDisclosure(false);
  const [leaving, setLeaving] = useState<ApiKey | null>(null);
  const remove = useDeleteKey();
  const addButton = (
    <Button leftSection={<IconPlus size={18} />} onClick={adding.open}>
      Make a key
    </Button>
  );
  return (
    <Page
      title="API keys"
      about="For programs that use the API, sent as “Authorization: Bearer …”. The installation's own key lies in DATA_DIR/api_key and is not listed."
      actions={addButton}
    >
      <Loaded
        query={keys}
        isEmpty={(list) => list.length === 0}
        empty={
          <EmptyState icon={IconKey} title="No keys yet" action={addButton}>
            Make one for each program, with the least role that it needs. Then one can be withdrawn without the others.
          </EmptyState>
        }
      >
        {(list) => <KeyTable keys={list} onRemove={setLeaving} />}
      </Loaded>
      <RoleList />
      <NewKeyDialog isOpen={isAdding} onClose={adding.close} />
      <ConfirmDialog
        isOpen={leaving !== null}
        title="Delete this key?"
        confirmLabel="Delete key"
        isBusy={remove.isPending}
        onCancel={() => {
          setLeaving(null);
        }}
        onConfirm={() => {
          if (leaving === null) return;
          remove.mutate(leaving.id, {
            onSuccess: () => {
              notifySuccess(`The key “${leaving.name}” no longer opens anything.`);
            },
            onError: notifyFailure,
            onSettled: () => {
              setLeaving(null);
            },
          });
        }}
      >
        Programs that use <strong>{leaving?.name}</strong> are refused at once.
      </ConfirmDialog>
    </Page>
  );
}

function KeyTable({ keys, onRemove }: { keys: ApiKey[]; onRemove: (key: ApiKey) => void }) {
  return (
    <Paper withBorder bg="var(--oh-surface)">
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>Role</Table.Th>
            <Table.Th visibleFrom="sm">Made</Table.Th>
            <Table.Th>Last used</Table.Th>
            <Table.Th>
              <VisuallyHidden>Actions</VisuallyHidden>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {keys.map((key) => (
            <Table.Tr key={key.id}>
              <Table.Td>
                <Text fw={600} style={{ overflowWrap: "anywhere" }}>
                  {key.name}
                </Text>
                <Text size="xs" c="dimmed" ff="monospace">
                  {key.hint}…
                </Text>
              </Table.Td>
              <Table.Td>
                <Badge color="gray">{key.role}</Badge>
              </Table.Td>
              <Table.Td visibleFrom="sm">
                <Instant at={key.created_at} /> by {key.created_by}
              </Table.Td>
              <Table.Td>{key.last_used_at === null ? "never" : <Instant at={key.last_used_at} />}</Table.Td>
              <Table.Td w={60}>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={`Delete the key ${key.name}`}
                  onClick={() => {
                    onRemove(key);
                  }}
                >
                  <IconTrash size={18} stroke={1.6} />
                </ActionIcon>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Paper>
  );
}
