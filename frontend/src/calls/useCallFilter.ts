/** The filter of the list of calls, kept in the address: a filtered list can be sent to somebody. */
import { useCallback, useMemo } from "react";
import { useSearchParams } from "react-router";
import { NO_FILTER, type CallFilter } from "./calls";

const TEXT_FIELDS = ["search", "agent_id", "direction", "outcome", "is_running"] as const;
const INSTANT_FIELDS = ["started_from", "started_before"] as const;

export function filterOf(params: URLSearchParams): CallFilter {
  const filter = { ...NO_FILTER };
  for (const name of TEXT_FIELDS) filter[name] = params.get(name) ?? "";
  for (const name of INSTANT_FIELDS) {
    const at = Number(params.get(name) ?? NaN);
    filter[name] = params.get(name) !== null && Number.isFinite(at) ? at : null;
  }
  return filter;
}

export function useCallFilter() {
  const [params, setParams] = useSearchParams();
  const filter = useMemo(() => filterOf(params), [params]);
  const change = useCallback(
    (changes: Partial<CallFilter>) => {
      setParams(
        (before) => {
          const after = new URLSearchParams(before);
          for (const [name, value] of Object.entries(changes) as [string, string | number | null][]) {
            if (value === null || value === "") after.delete(name);
            else after.set(name, String(value));
          }
          return after;
        },
        { replace: true, preventScrollReset: true },
      );
    },
    [setParams],
  );
  const clear = useCallback(() => {
    setParams({}, { replace: true });
  }, [setParams]);
  const isFiltered = Object.values(filter).some((value) => value !== "" && value !== null);
  return { filter, change, clear, isFiltered };
}
