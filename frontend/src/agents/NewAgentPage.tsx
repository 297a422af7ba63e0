/** A new agent, with every setting at its default. */
import { useState } from "react";
import { useNavigate } from "react-router";
import { notifySuccess } from "../ui/notify";
import { Page } from "../ui/Page";
import { SAVED } from "../ui/UnsavedGuard";
import { AgentForm } from "./AgentForm";
import { useCreateAgent } from "./agents";
import { defaultConfig } from "./schema";

export function Component() {
  const [blank] = useState(defaultConfig);
  const create = useCreateAgent();
  const navigate = useNavigate();
  return (
    <Page
      title="New agent"
      about="A name is all it needs. Everything else has a default that works, and can be changed later."
      back={{ to: "/agents", label: "Agents" }}
    >
      <AgentForm
        saved={blank}
        saveLabel="Make agent"
        onSave={(config) => create.mutateAsync(config)}
        onSaved={(agent) => {
          notifySuccess(`${agent.config.name} is ready.`);
          void navigate(`/agents/${agent.id}`, { state: SAVED });
        }}
      />
    </Page>
  );
}
