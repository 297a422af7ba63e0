/** All agents: find one, open it, copy it, take it out of use. */
import { useQuery } from "@tanstack/react-query";
import { IconRobot } from "@tabler/icons-react";
import { EmptyState, Loaded } from "../ui/Loaded";
import { Page } from "../ui/Page";
import { agentsQuery } from "./agents";

export function Component() {
  const agents = useQuery(agentsQuery);
  return (
    <Page title="Agents" about="Who answers your phone numbers, and how.">
      <Loaded
        query={agents}
        isEmpty={(list) => list.length === 0}
        empty={
          <EmptyState icon={IconRobot} title="No agents yet">
            An agent answers one or more phone numbers.
          </EmptyState>
        }
      >
        {(list) => (
          <ul>
            {list.map((agent) => (
              <li key={agent.id}>{agent.config.name}</li>
            ))}
          </ul>
        )}
      </Loaded>
    </Page>
  );
}
