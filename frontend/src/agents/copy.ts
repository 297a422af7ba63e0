/** A copy of an agent: the same but for its name, and for its numbers, which only one agent can answer. */
import type { AgentConfig } from "./agents";
import { knownField } from "./schema";

const PREFIX = "Copy of ";

export function copyOf(config: AgentConfig): AgentConfig {
  const longest = knownField("name").maxLength ?? Infinity;
  return { ...structuredClone(config), name: `${PREFIX}${config.name}`.slice(0, longest).trim(), phone_numbers: [] };
}
