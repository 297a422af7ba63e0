/** This run beside the last one of the same rehearsal: what got slower or faster, which check came out differently. */
import { Badge, Paper, Switch, Table, Text, Title } from "@mantine/core";
import { useState } from "react";
import { Link } from "react-router";
import { Instant } from "../ui/Instant";
import classes from "./CheckList.module.css";
import type { Comparison } from "./rehearsals";

const COLORS = { slower: "brick", faster: "petrol", new: "gray", gone: "gray", same: "gray" } as const;

export function ComparisonPanel({ compared }: { compared: Comparison }) {
  const [isWhole, setIsWhole] = useState(false);
  const { run, differences, changed_checks: checks } = compared;
  const shown = differences.filter((one) => isWhole || one.change !== "same");
  return (
    <Paper withBorder component="section" className={classes.panel} aria-labelledby="compared">
      <Title order={2} id="compared">
        Compared with the last run
      </Title>
      <Text c="dimmed" size="sm" mt={4}>
        The run of <Link to={`/rehearsals/runs/${run.id}`}><Instant at={run.queued_at} /></Link>, with {run.agent_id === null ? "its own agent" : run.agent_name}.
      </Text>
      {checks.length > 0 && (
        <ul className={classes.checks} aria-label="Checks that changed">
          {checks.map((check) => (
            <li key={check.name} className={classes.check} data-failed={check.now === false || undefined}>
              <span />
              <span className={classes.name}>
                {check.name}: {state(check.before)} → {state(check.now)}
              </span>
              <span className={classes.figures}>
                {check.measured_before || "–"} → <strong>{check.measured_now || "–"}</strong>
              </span>
            </li>
          ))}
        </ul>
      )}
      {shown.length === 0 ? (
        <Text mt="sm">No wait changed by more than a tenth of a second.</Text>
      ) : (
        <Table mt="sm" verticalSpacing={6} horizontalSpacing="xs">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Wait</Table.Th>
              <Table.Th ta="right">Before</Table.Th>
              <Table.Th ta="right">Now</Table.Th>
              <Table.Th aria-label="Change" />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {shown.map((one) => (
              <Table.Tr key={one.name}>
                <Table.Td>{one.name}</Table.Td>
                <Table.Td ta="right" ff="monospace">{seconds(one.before_s)}</Table.Td>
                <Table.Td ta="right" ff="monospace">{seconds(one.now_s)}</Table.Td>
                <Table.Td><Badge color={COLORS[one.change]}>{one.change}</Badge></Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      <Switch
        mt="sm"
        label="Show what stayed the same"
        checked={isWhole}
        onChange={(event) => {
          setIsWhole(event.currentTarget.checked);
        }}
      />
    </Paper>
  );
}

function state(passed: boolean | null): string {
  return passed === null ? "not made" : passed ? "passed" : "failed";
}

function seconds(value: number | null): string {
  return value === null ? "–" : `${value.toFixed(2)} s`;
}
