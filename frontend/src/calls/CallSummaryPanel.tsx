/** What the call was about, in the words of the model: plain text, whatever it holds. */
import { Paper, Text, Title } from "@mantine/core";
import type { Summary } from "./calls";
import classes from "./CallSummaryPanel.module.css";
import { spelledOut } from "./words";

export function CallSummaryPanel({ summary }: { summary: Summary }) {
  const entries = Object.entries(summary).filter(([, value]) => value !== null && value !== "" && !isEmptyList(value));
  if (entries.length === 0) return null;
  return (
    <Paper withBorder className={classes.panel} component="section" aria-labelledby="summary">
      <Title order={2} id="summary">
        Summary
      </Title>
      {entries.map(([name, value]) => (
        <div key={name} className={classes.entry}>
          {entries.length > 1 && (
            <Text size="sm" c="dimmed">
              {spelledOut(name)}
            </Text>
          )}
          <Value value={value} />
        </div>
      ))}
    </Paper>
  );
}

function Value({ value }: { value: unknown }) {
  if (Array.isArray(value)) {
    return (
      <ul className={classes.list}>
        {value.map((item, index) => (
          <li key={index}>{text(item)}</li>
        ))}
      </ul>
    );
  }
  return <Text className={classes.text}>{text(value)}</Text>;
}

function text(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
