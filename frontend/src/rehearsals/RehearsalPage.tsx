/** One rehearsal: its text, to edit where it is one's own, and its runs. */
import { Alert, Button, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { IconCopy, IconDeviceFloppy, IconPlayerPlay, IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import { useBlocker, useNavigate, useParams } from "react-router";
import { useMay } from "../access/session";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { LinkButton } from "../ui/LinkButton";
import { Loaded, SkeletonRows } from "../ui/Loaded";
import { notifyFailure, notifySuccess } from "../ui/notify";
import { Page } from "../ui/Page";
import { ApiError, messageOf } from "../wire/errors";
import { EditorPanel } from "./EditorPanel";
import { rehearsalQuery, useDeleteRehearsal, useSaveRehearsal, type Rehearsal } from "./rehearsals";
import { RunDialog } from "./RunDialog";
import { RunList } from "./RunList";
import { useProblems } from "./useProblems";

export function Component() {
  const { name = "" } = useParams();
  const rehearsal = useQuery(rehearsalQuery(name));
  return (
    <Loaded
      query={rehearsal}
      skeleton={
        <Page title={name} back={{ to: "/rehearsals", label: "Rehearsals" }}>
          <SkeletonRows count={2} height={220} />
        </Page>
      }
    >
      {(found) => <RehearsalEditor key={found.name} rehearsal={found} />}
    </Loaded>
  );
}

function RehearsalEditor({ rehearsal }: { rehearsal: Rehearsal }) {
  const mayEdit = useMay("editor");
  const navigate = useNavigate();
  const [text, setText] = useState(rehearsal.yaml);
  const { problems, isChecking } = useProblems(text);
  const [isRunning, setIsRunning] = useState(false);
  const [isDeleting, deleting] = useDisclosure(false);
  const save = useSaveRehearsal();
  const remove = useDeleteRehearsal();
  const isChanged = text !== rehearsal.yaml;
  const isEditable = rehearsal.is_own && mayEdit;
  const leaving = useBlocker(({ currentLocation, nextLocation }) => isChanged && isEditable && !remove.isSuccess && currentLocation.pathname !== nextLocation.pathname);

  return (
    <Page
      title={rehearsal.name}
      back={{ to: "/rehearsals", label: "Rehearsals" }}
      about={rehearsal.is_own ? "A rehearsal of yours." : "Shipped with Offhook: copy it to change it."}
      actions={
        mayEdit && (
          <>
            {rehearsal.is_own ? (
              <Button variant="default" leftSection={<IconTrash size={16} />} onClick={deleting.open}>
                Delete
              </Button>
            ) : (
              <LinkButton variant="default" to={`/rehearsals/new?from=${rehearsal.name}`} leftSection={<IconCopy size={16} />}>
                Copy
              </LinkButton>
            )}
            {isEditable && (
              <Button
                variant="default"
                leftSection={<IconDeviceFloppy size={17} />}
                disabled={!isChanged || problems.length > 0}
                loading={save.isPending}
                onClick={() => {
                  save.mutate(
                    { name: rehearsal.name, yaml: text, version: rehearsal.version },
                    {
                      onSuccess: () => {
                        notifySuccess("Saved.");
                      },
                    },
                  );
                }}
              >
                Save
              </Button>
            )}
            <Button
              leftSection={<IconPlayerPlay size={17} />}
              disabled={isChanged || problems.length > 0}
              title={isChanged ? "Save it first" : undefined}
              onClick={() => {
                setIsRunning(true);
              }}
            >
              Run
            </Button>
          </>
        )
      }
    >
      <Stack gap="xl">
        {save.error && (
          <Alert color="brick" role="alert" title="It was not saved">
            {messageOf(save.error)}
            {save.error instanceof ApiError && save.error.status === 409 && " Your text is still here: copy it, then load the page again."}
          </Alert>
        )}
        <EditorPanel value={text} onChange={setText} problems={problems} isChecking={isChecking} isReadOnly={!isEditable} />
        <section aria-labelledby="runs">
          <Title order={2} id="runs" mb="sm">
            Runs
          </Title>
          <RunList name={rehearsal.name} />
        </section>
      </Stack>
      <RunDialog
        name={isRunning ? rehearsal.name : null}
        onClose={() => {
          setIsRunning(false);
        }}
      />
      <ConfirmDialog
        isOpen={isDeleting}
        title="Delete this rehearsal?"
        confirmLabel="Delete rehearsal"
        isBusy={remove.isPending}
        onCancel={deleting.close}
        onConfirm={() => {
          remove.mutate(rehearsal.name, {
            onSuccess: () => void navigate("/rehearsals"),
            onError: notifyFailure,
          });
        }}
      >
        <strong>{rehearsal.name}</strong>, its runs and their recordings are removed. This cannot be undone.
      </ConfirmDialog>
      <ConfirmDialog
        isOpen={leaving.state === "blocked"}
        title="Leave without saving?"
        confirmLabel="Leave"
        cancelLabel="Stay"
        onCancel={() => leaving.reset?.()}
        onConfirm={() => leaving.proceed?.()}
      >
        <Text>What you changed in this rehearsal is lost.</Text>
      </ConfirmDialog>
    </Page>
  );
}
