/** Reading, ending and deleting calls. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data, request, type Schemas } from "../wire/client";

export type CallSummary = Schemas["CallSummaryAnswer"];
export type Turn = Schemas["TurnAnswer"] & { unheard_text?: string };
export type Latency = Schemas["LatencyAnswer"];
export type CallEvent = Schemas["TimelineEventAnswer"];

/** The call's recording. Its first sample was at `started_at`, in seconds since 1970 UTC. */
export interface Recording {
  state?: "recording" | "complete" | "incomplete" | "failed";
  started_at?: number;
  duration_s: number;
  bytes: number;
}

/** What a call was about, in the model's words; its fields are drawn as they come. */
export type Summary = Record<string, unknown>;

export type Call = Omit<Schemas["CallAnswer"], "turns"> & {
  turns: Turn[];
  recording?: Recording | null;
  summary?: Summary | null;
};

/** What narrows the list; an empty word does not. Instants are seconds since 1970 UTC. */
export interface CallFilter {
  search: string;
  agent_id: string;
  direction: string;
  outcome: string;
  is_running: string;
  started_from: number | null;
  started_before: number | null;
}

export const NO_FILTER: CallFilter = {
  search: "",
  agent_id: "",
  direction: "",
  outcome: "",
  is_running: "",
  started_from: null,
  started_before: null,
};

const PAGE = 50;

interface CallPage {
  calls: CallSummary[];
  next_cursor: string;
}

export function callsQuery(filter: CallFilter) {
  return infiniteQueryOptions({
    queryKey: ["calls", "list", filter],
    queryFn: ({ signal, pageParam }) =>
      request<CallPage>("GET", "/api/calls", { query: { ...filter, limit: PAGE, cursor: pageParam }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor || undefined,
    refetchInterval: 15_000,
  });
}

export function callQuery(callControlId: string) {
  return queryOptions({
    queryKey: ["calls", "one", callControlId],
    queryFn: async ({ signal }) =>
      data(
        await api.GET("/api/calls/{call_control_id}", { params: { path: { call_control_id: callControlId } }, signal }),
      ) as Call,
    // A running call grows until it is over, and its recording and summary follow a little later.
    refetchInterval: ({ state }) => (state.data !== undefined && isSettled(state.data) ? false : 3_000),
  });
}

/** Whether nothing of the record will change any more. */
export function isSettled(call: Pick<Call, "ended_at" | "recording">, now = Date.now() / 1000): boolean {
  if (call.ended_at === null) return false;
  return call.recording?.state !== "recording" && now - call.ended_at > 60;
}

export function recordingUrl(callControlId: string, { download = false } = {}): string {
  return `/api/calls/${encodeURIComponent(callControlId)}/recording${download ? "?download=1" : ""}`;
}

export function useDeleteCall() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (callControlId: string) =>
      api.DELETE("/api/calls/{call_control_id}", { params: { path: { call_control_id: callControlId } } }),
    onSuccess: (_, callControlId) => {
      queries.removeQueries({ queryKey: callQuery(callControlId).queryKey });
      return queries.invalidateQueries({ queryKey: ["calls", "list"] });
    },
  });
}

export function useHangUp() {
  return useMutation({
    mutationFn: (callControlId: string) =>
      api.POST("/api/calls/{call_control_id}/hangup", { params: { path: { call_control_id: callControlId } } }),
  });
}
