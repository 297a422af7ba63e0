/** How a call ended, or that it is running. */
import { Badge } from "@mantine/core";
import type { CallSummary } from "./calls";
import { outcomeText, outcomeTone, type Tone } from "./words";

const COLORS: Record<Tone, string> = { live: "amber", bad: "brick", good: "petrol", calm: "gray" };

export function OutcomeBadge({ call }: { call: Pick<CallSummary, "outcome" | "ended_at"> }) {
  return <Badge color={COLORS[outcomeTone(call)]}>{outcomeText(call)}</Badge>;
}
