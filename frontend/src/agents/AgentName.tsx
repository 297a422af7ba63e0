/** The name that an agent had at a version: of one that was deleted too, such as that of a rehearsal. */
import { useQuery } from "@tanstack/react-query";
import { api, data } from "../wire/client";
import { agentsQuery } from "./agents";

export function AgentName({ id, version }: { id: string; version: number }) {
  const agents = useQuery(agentsQuery);
  const present = agents.data?.find((agent) => agent.id === id);
  const past = useQuery({
    queryKey: ["agents", id, "versions", version],
    queryFn: async ({ signal }) =>
      data(await api.GET("/api/agents/{agent_id}/versions/{version}", { params: { path: { agent_id: id, version } }, signal })),
    enabled: id !== "" && agents.data !== undefined && present === undefined,
    staleTime: Infinity,
  });
  if (id === "") return "no agent";
  return present?.config.name ?? past.data?.config.name ?? (agents.isPending || past.isFetching ? "…" : "deleted agent");
}
