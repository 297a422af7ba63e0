/** The people who may sign in, and what each may do. */
import { ActionIcon, Badge, Button, Group, NativeSelect, Paper, Table, Text, VisuallyHidden } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { IconTrash, IconUserPlus, IconUsers } from "@tabler/icons-react";
import { useState } from "react";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { EmptyState, Loaded } from "../ui/Loaded";
import { notifyFailure, notifySuccess } from "../ui/notify";
import { Page } from "../ui/Page";
import { NewUserDialog } from "./NewUserDialog";
import { RoleList } from "./RoleList";
import { ROLES, useSession, type Role, type User } from "./session";
import { useChangeUser, useDeleteUser, usersQuery } from "./users";

export function Component() {
  const users = useQuery(usersQuery);
  const [isAdding, adding] = useDisclosure(false);
  const [leaving, setLeaving] = useState<User | null>(null);
  const remove = useDeleteUser();
  const addButton = (
    <Button leftSection={<IconUserPlus size={18} />} onClick={adding.open}>
      Add a user
    </Button>
  );
  return (
    <Page title="Users" about="People who sign in to this console. Programs use API keys." actions={addButton}>
      <Loaded
        query={users}
        isEmpty={(list) => list.length === 0}
        empty={
          <EmptyState icon={IconUsers} title="Nobody yet" action={addButton}>
            Add the first person who may sign in.
          </EmptyState>
        }
      >
        {(list) => <UserTable users={list} onRemove={setLeaving} />}
      </Loaded>
      <RoleList />
      <NewUserDialog isOpen={isAdding} onClose={adding.close} />
      <ConfirmDialog
        isOpen={leaving !== null}
        title="Delete this user?"
        confirmLabel="Delete user"
        isBusy={remove.isPending}
        onCancel={() => {
          setLeaving(null);
        }}
        onConfirm={() => {
          if (leaving === null) return;
          remove.mutate(leaving.name, {
            onSuccess: () => {
              notifySuccess(`${leaving.name} can no longer sign in.`);
            },
            onError: notifyFailure,
            onSettled: () => {
              setLeaving(null);
            },
          });
        }}
      >
        <strong>{leaving?.name}</strong> is signed out everywhere and can no longer sign in.
      </ConfirmDialog>
    </Page>
  );
}

function UserTable({ users, onRemove }: { users: User[]; onRemove: (user: User) => void }) {
  const session = useSession();
  const change = useChangeUser();
  return (
    <Paper withBorder bg="var(--oh-surface)">
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>Role</Table.Th>
            <Table.Th>
              <VisuallyHidden>Actions</VisuallyHidden>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {users.map((user) => {
            const isMe = user.name === session?.user.name;
            return (
              <Table.Tr key={user.name}>
                <Table.Td>
                  <Group gap="xs">
                    <Text fw={600} style={{ overflowWrap: "anywhere" }}>
                      {user.name}
                    </Text>
                    {isMe && <Badge>you</Badge>}
                  </Group>
                </Table.Td>
                <Table.Td w={160}>
                  <NativeSelect
                    aria-label={`Role of ${user.name}`}
                    data={[...ROLES]}
                    value={user.role}
                    disabled={isMe || change.isPending}
                    onChange={(event) => {
                      const role = event.currentTarget.value as Role;
                      change.mutate({ name: user.name, role }, { onError: notifyFailure });
                    }}
                  />
                </Table.Td>
                <Table.Td w={60}>
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    disabled={isMe}
                    aria-label={`Delete ${user.name}`}
                    onClick={() => {
                      onRemove(user);
                    }}
                  >
                    <IconTrash size={18} stroke={1.6} />
                  </ActionIcon>
                </Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </Paper>
  );
}
