/** What can be done with an agent as a whole: copy it, see its versions, take it out of use. */
import { ActionIcon, Menu } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconCopy, IconDots, IconHistory, IconTrash } from "@tabler/icons-react";
import { Link, useNavigate } from "react-router";
import { useMay } from "../access/session";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { notifyFailure, notifySuccess } from "../ui/notify";
import { useCreateAgent, useDeleteAgent, type Agent } from "./agents";
import { copyOf } from "./copy";

export default function AgentMenu({ agent, isOnItsPage = false }: { agent: Agent; isOnItsPage?: boolean }) {
  const mayEdit = useMay("editor");
  const navigate = useNavigate();
  const create = useCreateAgent();
  const remove = useDeleteAgent();
  const [isDeleting, deleting] = useDisclosure(false);
  const { name } = agent.config;

  const duplicate = () => {
    create.mutate(copyOf(agent.config), {
      onSuccess: (copy) => {
        notifySuccess(`${copy.config.name} is made. It answers no number yet.`);
        void navigate(`/agents/${copy.id}`);
      },
      onError: notifyFailure,
    });
  };

  return (
    <>
      <Menu position="bottom-end" width={200} shadow="md">
        <Menu.Target>
          <ActionIcon variant={isOnItsPage ? "default" : "subtle"} color="gray" size={36} aria-label={`More for ${name}`}>
            <IconDots size={18} stroke={1.6} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {!isOnItsPage && (
            <Menu.Item component={Link} to={`/agents/${agent.id}/versions`} leftSection={<IconHistory size={16} />}>
              Versions
            </Menu.Item>
          )}
          <Menu.Item leftSection={<IconCopy size={16} />} onClick={duplicate} disabled={!mayEdit}>
            Duplicate
          </Menu.Item>
          <Menu.Item leftSection={<IconTrash size={16} />} color="brick" onClick={deleting.open} disabled={!mayEdit}>
            Delete…
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <ConfirmDialog
        isOpen={isDeleting}
        title={`Delete ${name}?`}
        confirmLabel="Delete agent"
        isBusy={remove.isPending}
        onCancel={deleting.close}
        onConfirm={() => {
          remove.mutate(agent.id, {
            onSuccess: () => {
              deleting.close();
              notifySuccess(`${name} is out of use.`);
              if (isOnItsPage) void navigate("/agents");
            },
            onError: notifyFailure,
          });
        }}
      >
        {agent.config.phone_numbers.length > 0
          ? `Calls to ${agent.config.phone_numbers.join(", ")} will be rejected until another agent answers them. `
          : "It answers no number. "}
        Running calls go on to their end, and finished calls are kept.
      </ConfirmDialog>
    </>
  );
}
