/** The names of agents by id; a deleted one is called so. */
import { useQuery } from "@tanstack/react-query";
import { agentsQuery } from "./agents";

export function useAgentNames(): (agentId: string) => string {
  const { data } = useQuery(agentsQuery);
  return (agentId) => {
    if (agentId === "") return "no agent";
    return data?.find((agent) => agent.id === agentId)?.config.name ?? (data === undefined ? "…" : "deleted agent");
  };
}
