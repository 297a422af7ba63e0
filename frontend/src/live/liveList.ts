/** The list of running calls, kept up to date by events. Pure. */
import type { StreamEvent } from "../wire/eventStream";
import type { LiveCall } from "./live";

export type LiveCalls = ReadonlyMap<string, LiveCall>;

export const NO_CALLS: LiveCalls = new Map();

export function follow(calls: LiveCalls, event: StreamEvent): LiveCalls {
  switch (event.name) {
    case "call_started":
    case "call_changed": {
      const call = event.data as LiveCall;
      return new Map(calls).set(call.call_control_id, call);
    }
    case "call_ended": {
      const after = new Map(calls);
      after.delete((event.data as { call_control_id: string }).call_control_id);
      return after;
    }
    case "reset":
      return NO_CALLS;
    default:
      return calls;
  }
}

/** Oldest first. */
export function inOrder(calls: LiveCalls): LiveCall[] {
  return [...calls.values()].sort((one, other) => one.started_at - other.started_at || one.call_control_id.localeCompare(other.call_control_id));
}
