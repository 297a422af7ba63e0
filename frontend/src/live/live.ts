/** Running calls, and what somebody who watches may do to them. */
import { queryOptions, useMutation } from "@tanstack/react-query";
import { request } from "../wire/client";
import { ApiError } from "../wire/errors";

export type CallState = "listening" | "thinking" | "speaking" | "on_hold" | "ending";

export interface LiveCall {
  call_control_id: string;
  kind: "phone" | "browser" | "livekit";
  agent_id: string;
  agent_name: string;
  from_number: string;
  to_number: string;
  direction: string;
  /** Seconds since 1970 UTC. */
  started_at: number;
  state: CallState;
  /** In the present silence. */
  check_ins: number;
  worker: string;
}

export const STATE_WORDS: Record<CallState, string> = {
  listening: "Listening",
  thinking: "Thinking",
  speaking: "Speaking",
  on_hold: "On hold",
  ending: "Saying goodbye",
};

export const STATE_COLORS: Record<CallState, string> = {
  listening: "amber",
  thinking: "gray",
  speaking: "petrol",
  on_hold: "gray",
  ending: "brick",
};

function path(callControlId: string, rest = ""): string {
  return `/api/live/${encodeURIComponent(callControlId)}${rest}`;
}

export const liveQuery = queryOptions({
  queryKey: ["live", "list"],
  queryFn: async ({ signal }) => (await request<{ calls: LiveCall[] }>("GET", "/api/live", { signal })).calls,
});

export function liveCallQuery(callControlId: string) {
  return queryOptions({
    queryKey: ["live", "one", callControlId],
    queryFn: ({ signal }) => request<LiveCall>("GET", path(callControlId), { signal }),
    retry: false,
  });
}

/** Whether the call is still running. */
export async function isLive(callControlId: string): Promise<boolean> {
  try {
    await request<LiveCall>("GET", path(callControlId));
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return false;
    throw error;
  }
}

export const ALL_EVENTS_URL = "/api/live/events";

export function eventsUrl(callControlId: string): string {
  return path(callControlId, "/events");
}

export function listenUrl(callControlId: string): string {
  const url = new URL(path(callControlId, "/listen"), window.location.origin);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

export function useWhisper(callControlId: string) {
  return useMutation({ mutationFn: (text: string) => request("POST", path(callControlId, "/whisper"), { body: { text } }) });
}

export function useTransfer(callControlId: string) {
  return useMutation({
    mutationFn: (target: string) => request("POST", path(callControlId, "/transfer"), { body: { target } }),
  });
}
