/** One agent: the form, and what can be done with the agent as a whole. */
import { Alert, Button, Skeleton } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { IconArchive, IconHistory, IconMicrophone } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";
import { useParams } from "react-router";
import { useMay } from "../access/session";
import { Instant } from "../ui/Instant";
import { LinkButton } from "../ui/LinkButton";
import { Loaded, SkeletonRows } from "../ui/Loaded";
import { notifyFailure, notifySuccess } from "../ui/notify";
import { Page } from "../ui/Page";
import { AgentForm } from "./AgentForm";
import { agentQuery, useUpdateAgent, type Agent, type AgentConfig } from "./agents";
import type { Stale } from "./StaleDialog";

const AgentMenu = lazy(() => import("./AgentMenu"));
const StaleDialog = lazy(() => import("./StaleDialog"));

export function Component() {
  const { agentId = "" } = useParams();
  // Not behind the person's back: a form that is being filled in is not replaced by a newer agent; saving tells.
  const agent = useQuery({ ...agentQuery(agentId), refetchOnWindowFocus: false, refetchOnReconnect: false });
  const name = agent.data?.config.name ?? "Agent";
  return (
    <Page
      title={name}
      about={
        agent.data && (
          <>
            Version {agent.data.version}, saved <Instant at={agent.data.updated_at} />. A change applies to the next call.
          </>
        )
      }
      back={{ to: "/agents", label: "Agents" }}
      actions={
        agent.data && (
          <>
            <LinkButton to={`/talk/${agentId}`} variant="default" leftSection={<IconMicrophone size={17} stroke={1.6} />}>
              Talk
            </LinkButton>
            <LinkButton
              to={`/agents/${agentId}/versions`}
              variant="default"
              leftSection={<IconHistory size={17} stroke={1.6} />}
            >
              Versions
            </LinkButton>
            <Suspense fallback={<Skeleton height={36} width={36} />}>
              <AgentMenu agent={agent.data} isOnItsPage />
            </Suspense>
          </>
        )
      }
    >
      <Loaded query={agent} skeleton={<SkeletonRows count={6} height={84} />}>
        {(found) => <Editor key={found.id} agent={found} />}
      </Loaded>
    </Page>
  );
}

function Editor({ agent }: { agent: Agent }) {
  const mayEdit = useMay("editor");
  const queries = useQueryClient();
  const update = useUpdateAgent();
  const [stale, setStale] = useState<Stale | null>(null);
  const [draft, setDraft] = useState<AgentConfig>();
  const [setAside, setSetAside] = useState<AgentConfig | null>(null);

  const save = async (config: AgentConfig, version: number) => {
    const saved = await update.mutateAsync({ agentId: agent.id, version, config });
    setDraft(undefined);
    notifySuccess(`Version ${String(saved.version)} is saved. It applies to the next call.`);
    return saved;
  };

  const compare = async (mine: AgentConfig) => {
    try {
      // Their agent is only put in the place of ours once it is decided: see below.
      const { queryFn, queryKey } = agentQuery(agent.id);
      const theirs = await queries.fetchQuery({ queryKey: [...queryKey, "theirs"], queryFn, gcTime: 0, staleTime: 0 });
      setStale({ base: agent.config, mine, theirs: theirs as Agent });
    } catch (error) {
      notifyFailure(error);
    }
  };

  return (
    <>
      {setAside !== null && (
        <Alert
          mb="lg"
          color="amber"
          icon={<IconArchive size={18} />}
          title="Your changes are set aside"
          withCloseButton
          closeButtonLabel="Forget my changes"
          onClose={() => {
            setSetAside(null);
          }}
        >
          You see the version that was saved by somebody else.{" "}
          <Button
            size="compact-sm"
            variant="subtle"
            onClick={() => {
              setDraft(setAside);
              setSetAside(null);
            }}
          >
            Bring my changes back
          </Button>
        </Alert>
      )}
      <AgentForm
        // A version that was taken over or saved begins a new form; a draft begins one too.
        key={`${String(agent.version)}${draft === undefined ? "" : "-draft"}`}
        saved={agent.config}
        {...(draft === undefined ? {} : { draft })}
        isReadOnly={!mayEdit}
        saveLabel="Save"
        onSave={(config) => save(config, agent.version)}
        onStale={(mine) => void compare(mine)}
      />
      {stale !== null && (
        <Suspense>
          <StaleDialog
          stale={stale}
          onSave={async (config, version) => {
            await save(config, version);
            setStale(null);
          }}
          onTakeTheirs={() => {
            setSetAside(stale.mine);
            setDraft(undefined);
            queries.setQueryData(agentQuery(agent.id).queryKey, stale.theirs);
            setStale(null);
          }}
          onClose={() => {
            setStale(null);
          }}
        />
        </Suspense>
      )}
    </>
  );
}
