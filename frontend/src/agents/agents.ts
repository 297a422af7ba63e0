/** Reading and changing agents. A change names the version that it was made from; 409 when that is no longer the present. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data, type Schemas } from "../wire/client";

type SentConfig = Schemas["AgentConfig"];
type SentSettings = Required<NonNullable<SentConfig["settings"]>>;

/** An agent with every field filled in, as the API answers it. */
export type AgentConfig = Required<SentConfig> & { settings: SentSettings };

export type Agent = Omit<Schemas["AgentAnswer"], "config"> & { config: AgentConfig };

export type AgentVersion = Schemas["AgentVersion"];

export const agentsQuery = queryOptions({
  queryKey: ["agents"],
  queryFn: async ({ signal }) => data(await api.GET("/api/agents", { signal })).agents as Agent[],
});

export function agentQuery(agentId: string) {
  return queryOptions({
    queryKey: ["agents", agentId],
    queryFn: async ({ signal }) =>
      data(await api.GET("/api/agents/{agent_id}", { params: { path: { agent_id: agentId } }, signal })) as Agent,
  });
}

export function versionsQuery(agentId: string) {
  return queryOptions({
    queryKey: ["agents", agentId, "versions"],
    queryFn: async ({ signal }) =>
      data(await api.GET("/api/agents/{agent_id}/versions", { params: { path: { agent_id: agentId } }, signal })).versions,
  });
}

export function versionQuery(agentId: string, version: number) {
  return queryOptions({
    queryKey: ["agents", agentId, "versions", version],
    queryFn: async ({ signal }) => {
      const path = { agent_id: agentId, version };
      return data(await api.GET("/api/agents/{agent_id}/versions/{version}", { params: { path }, signal })) as Agent;
    },
    // A saved version never changes.
    staleTime: Infinity,
  });
}

export function useCreateAgent() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (config: AgentConfig) => data(await api.POST("/api/agents", { body: config })) as Agent,
    onSuccess: (agent) => {
      queries.setQueryData(agentQuery(agent.id).queryKey, agent);
      return queries.invalidateQueries({ queryKey: agentsQuery.queryKey, exact: true });
    },
  });
}

interface Change {
  agentId: string;
  /** The version that was edited. */
  version: number;
  config: AgentConfig;
}

export function useUpdateAgent() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ agentId, version, config }: Change) =>
      data(
        await api.PUT("/api/agents/{agent_id}", {
          params: { path: { agent_id: agentId }, query: { version } },
          body: config,
        }),
      ) as Agent,
    onSuccess: (agent) => {
      queries.setQueryData(agentQuery(agent.id).queryKey, agent);
      return queries.invalidateQueries({ queryKey: agentsQuery.queryKey });
    },
  });
}

export function useDeleteAgent() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (agentId: string) =>
      api.DELETE("/api/agents/{agent_id}", { params: { path: { agent_id: agentId } } }),
    onSuccess: (_, agentId) => {
      queries.removeQueries({ queryKey: agentQuery(agentId).queryKey });
      return queries.invalidateQueries({ queryKey: agentsQuery.queryKey, exact: true });
    },
  });
}
