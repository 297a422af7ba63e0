/** How a run stands. */
import { Badge, Loader } from "@mantine/core";
import type { RunSummary } from "./rehearsals";

const WORDS: Record<RunSummary["state"], { label: string; color: string }> = {
  queued: { label: "Waiting", color: "gray" },
  running: { label: "Running", color: "amber" },
  passed: { label: "Passed", color: "petrol" },
  failed: { label: "Failed", color: "brick" },
  broken: { label: "Broken", color: "gray" },
};

export function RunState({ state }: { state: RunSummary["state"] }) {
  const { label, color } = WORDS[state];
  return (
    <Badge color={color} leftSection={state === "running" ? <Loader size={10} color="currentColor" aria-hidden="true" /> : undefined}>
      {label}
    </Badge>
  );
}
