/** What an agent was before: every version, what it changed, and the way back to it. */
import { Badge, Button, Group, Paper, SegmentedControl, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconHistory, IconRestore } from "@tabler/icons-react";
import { useState } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { useMay } from "../access/session";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { Instant } from "../ui/Instant";
import { EmptyState, Loaded, Loading, SkeletonRows } from "../ui/Loaded";
import { LinkButton } from "../ui/LinkButton";
import { notifyFailure, notifySuccess } from "../ui/notify";
import { Page } from "../ui/Page";
import { agentQuery, useUpdateAgent, versionQuery, versionsQuery, type Agent, type AgentVersion } from "./agents";
import { differences } from "./diff";
import { DiffTable } from "./DiffTable";
import classes from "./VersionsPage.module.css";

export function Component() {
  const { agentId = "" } = useParams();
  const agent = useQuery(agentQuery(agentId));
  const versions = useQuery(versionsQuery(agentId));
  return (
    <Page
      title="Versions"
      about="Every save is a version. Restoring one makes a new version of it; nothing is ever overwritten."
      back={{ to: `/agents/${agentId}`, label: agent.data?.config.name ?? "Agent" }}
    >
      <Loaded query={agent}>
        {(present) => (
          <Loaded
            query={versions}
            isEmpty={(list) => list.length < 2}
            empty={
              <EmptyState
                icon={IconHistory}
                title="This is the first version"
                action={<LinkButton to={`/agents/${agentId}`}>Back to the agent</LinkButton>}
              >
                When you save a change, the version before it is kept here.
              </EmptyState>
            }
          >
            {(list) => <Comparison present={present} versions={list} />}
          </Loaded>
        )}
      </Loaded>
    </Page>
  );
}

function Comparison({ present, versions }: { present: Agent; versions: AgentVersion[] }) {
  const [params, setParams] = useSearchParams();
  const wanted = Number(params.get("version"));
  const chosen = versions.find(({ version }) => version === wanted) ?? versions[0];
  if (chosen === undefined) return null;
  return (
    <div className={classes.columns}>
      <nav aria-label="Versions" className={classes.list}>
        {versions.map(({ version, created_at: createdAt }) => (
          <button
            key={version}
            type="button"
            className={classes.version}
            aria-current={version === chosen.version ? "true" : undefined}
            onClick={() => {
              setParams({ version: String(version) }, { replace: true });
            }}
          >
            <span>
              Version {version}
              {version === present.version && (
                <Badge ml={8} size="sm">
                  in use
                </Badge>
              )}
            </span>
            <Text span size="xs" c="dimmed">
              <Instant at={createdAt} isExact />
            </Text>
          </button>
        ))}
      </nav>
      <Differences key={chosen.version} present={present} version={chosen.version} />
    </div>
  );
}

function Differences({ present, version }: { present: Agent; version: number }) {
  const [against, setAgainst] = useState<"before" | "present">(version === present.version ? "before" : "present");
  const chosen = useQuery(versionQuery(present.id, version));
  const before = useQuery({ ...versionQuery(present.id, version - 1), enabled: version > 1 });
  const isPresent = version === present.version;
  return (
    <section aria-label={`Version ${String(version)}`} className={classes.detail}>
      <Group justify="space-between" mb="md">
        <SegmentedControl
          size="xs"
          aria-label="Compare with"
          value={against}
          onChange={setAgainst}
          data={[
            { value: "before", label: "what it changed", disabled: version === 1 },
            { value: "present", label: "beside the one in use", disabled: isPresent },
          ]}
        />
        {!isPresent && chosen.data && <Restore present={present} old={chosen.data} />}
      </Group>
      {version === 1 && against === "before" ? (
        <Text c="dimmed">This is how the agent was made.</Text>
      ) : (
        <Loaded query={chosen}>
          {(agent) => {
            if (against === "present") {
              return <Rows old={agent} columns={[`Version ${String(version)}`, "In use"]} other={present} />;
            }
            if (before.data === undefined) {
              return before.isError ? <Text c="dimmed">{before.error.message}</Text> : <Loading><SkeletonRows /></Loading>;
            }
            return <Rows old={before.data} columns={["Before", `Version ${String(version)}`]} other={agent} />;
          }}
        </Loaded>
      )}
    </section>
  );
}

function Rows({ old, other, columns }: { old: Agent; other: Agent; columns: [string, string] }) {
  const found = differences(old.config, other.config);
  if (found.length === 0) return <Text c="dimmed">The two are the same.</Text>;
  return (
    <Paper withBorder bg="var(--oh-surface)">
      <DiffTable columns={columns} rows={found.map(({ path, before, after }) => ({ path, cells: [before, after] }))} />
    </Paper>
  );
}

function Restore({ present, old }: { present: Agent; old: Agent }) {
  const mayEdit = useMay("editor");
  const navigate = useNavigate();
  const update = useUpdateAgent();
  const [isAsking, setAsking] = useState(false);
  if (!mayEdit) return null;
  return (
    <>
      <Button
        leftSection={<IconRestore size={17} stroke={1.6} />}
        onClick={() => {
          setAsking(true);
        }}
      >
        Restore version {old.version}
      </Button>
      <ConfirmDialog
        isOpen={isAsking}
        title={`Restore version ${String(old.version)}?`}
        confirmLabel="Restore"
        isDangerous={false}
        isBusy={update.isPending}
        onCancel={() => {
          setAsking(false);
        }}
        onConfirm={() => {
          update.mutate(
            { agentId: present.id, version: present.version, config: old.config },
            {
              onSuccess: (saved) => {
                notifySuccess(`Version ${String(saved.version)} is version ${String(old.version)} again.`);
                void navigate(`/agents/${present.id}`);
              },
              onError: notifyFailure,
              onSettled: () => {
                setAsking(false);
              },
            },
          );
        }}
      >
        It becomes version {present.version + 1} and applies to the next call. Version {present.version} is kept.
      </ConfirmDialog>
    </>
  );
}
