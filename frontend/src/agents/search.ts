/** Which agents a search finds: every word of it stands somewhere in the agent; digits are looked for in its numbers. */
import type { Agent } from "./agents";

export function matching(agents: readonly Agent[], search: string): Agent[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return agents.filter((agent) => {
    const { name, greeting, instructions, language, voice, phone_numbers: numbers } = agent.config;
    const text = [name, greeting, instructions, language, voice, agent.id, ...numbers].join("\n").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
