/** Reading, writing and playing rehearsals. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data, type Schemas } from "../wire/client";

export type RehearsalSummary = Schemas["RehearsalSummary"];
export type Rehearsal = Schemas["RehearsalAnswer"];
export type Run = Schemas["RunAnswer"];
export type RunSummary = Schemas["RunSummary"];
export type Problem = Schemas["ProblemAnswer"];
export type TimelineLine = Schemas["LineAnswer"];
export type Comparison = Schemas["ComparedAnswer"];

export const rehearsalsQuery = queryOptions({
  queryKey: ["rehearsals", "list"],
  queryFn: async ({ signal }) => data(await api.GET("/api/rehearsals", { signal })).rehearsals,
  refetchInterval: ({ state }) => (state.data?.some((one) => isUnderWay(one.last_run)) ? 2_000 : false),
});

export function rehearsalQuery(name: string) {
  return queryOptions({
    queryKey: ["rehearsals", "one", name],
    queryFn: async ({ signal }) => data(await api.GET("/api/rehearsals/{name}", { params: { path: { name } }, signal })),
    // What is being edited must not change under the cursor.
    staleTime: Infinity,
    refetchOnWindowFocus: false,
  });
}

export function runsQuery(name: string) {
  return queryOptions({
    queryKey: ["rehearsals", "runs", name],
    queryFn: async ({ signal }) =>
      data(await api.GET("/api/rehearsals/runs", { params: { query: { name, limit: 20 } }, signal })).runs,
    refetchInterval: ({ state }) => (state.data?.some(isUnderWay) ? 2_000 : false),
  });
}

export function runQuery(runId: string) {
  return queryOptions({
    queryKey: ["rehearsals", "run", runId],
    queryFn: async ({ signal }) =>
      data(await api.GET("/api/rehearsals/runs/{run_id}", { params: { path: { run_id: runId } }, signal })),
  });
}

export function isUnderWay(run: Pick<RunSummary, "state"> | null | undefined): boolean {
  return run?.state === "queued" || run?.state === "running";
}

export function runRecordingUrl(runId: string): string {
  return `/api/rehearsals/runs/${encodeURIComponent(runId)}/recording`;
}

export async function checkYaml(yaml: string, signal?: AbortSignal): Promise<Problem[]> {
  const answer = await api.POST("/api/rehearsals/check", { body: { yaml }, ...(signal ? { signal } : {}) });
  return data(answer).problems;
}

export function useSaveRehearsal() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ name, yaml, version }: { name: string; yaml: string; version: number }) =>
      data(await api.PUT("/api/rehearsals/{name}", { params: { path: { name } }, body: { yaml, version } })),
    onSuccess: (saved) => {
      queries.setQueryData(rehearsalQuery(saved.name).queryKey, saved);
      return queries.invalidateQueries({ queryKey: rehearsalsQuery.queryKey });
    },
  });
}

export function useDeleteRehearsal() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => api.DELETE("/api/rehearsals/{name}", { params: { path: { name } } }),
    onSuccess: (_, name) => {
      queries.removeQueries({ queryKey: rehearsalQuery(name).queryKey });
      return queries.invalidateQueries({ queryKey: rehearsalsQuery.queryKey });
    },
  });
}

export function useBeginRun() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ name, agentId }: { name: string; agentId: string | null }) =>
      data(
        await api.POST("/api/rehearsals/{name}/runs", { params: { path: { name } }, body: { agent_id: agentId } }),
      ).run_id,
    onSuccess: (_, { name }) =>
      Promise.all([
        queries.invalidateQueries({ queryKey: rehearsalsQuery.queryKey }),
        queries.invalidateQueries({ queryKey: runsQuery(name).queryKey }),
      ]),
  });
}

export function useCancelRun() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (runId: string) =>
      api.POST("/api/rehearsals/runs/{run_id}/cancel", { params: { path: { run_id: runId } } }),
    onSuccess: (_, runId) => queries.invalidateQueries({ queryKey: runQuery(runId).queryKey }),
  });
}
