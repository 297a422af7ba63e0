/** The runs of one rehearsal, newest first. */
import { Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { Instant } from "../ui/Instant";
import { Loaded } from "../ui/Loaded";
import { runsQuery } from "./rehearsals";
import { RunState } from "./RunState";

export function RunList({ name }: { name: string }) {
  const runs = useQuery(runsQuery(name));
  return (
    <Loaded query={runs} isEmpty={(list) => list.length === 0} empty={<Text c="dimmed">It has not been run here yet.</Text>}>
      {(list) => (
        <Table.ScrollContainer minWidth={520}>
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>When</Table.Th>
                <Table.Th>Result</Table.Th>
                <Table.Th>Agent</Table.Th>
                <Table.Th>What went wrong</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {list.map((run) => (
                <Table.Tr key={run.id}>
                  <Table.Td>
                    <Link to={`/rehearsals/runs/${run.id}`}>
                      <Instant at={run.queued_at} />
                    </Link>
                  </Table.Td>
                  <Table.Td>
                    <RunState state={run.state} />
                  </Table.Td>
                  <Table.Td>{run.agent_id === null ? "its own" : run.agent_name}</Table.Td>
                  <Table.Td>{run.problem || run.failed_checks.join(", ")}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Loaded>
  );
}
