/** How long the caller waited for each answer, as stacked bars on one scale, and as a table for those who cannot see them. */
import { Text } from "@mantine/core";
import type { Latency } from "./calls";
import classes from "./LatencyBars.module.css";
import { barsOf, medianS, PART_LABELS, type Bar } from "./latencies";

export function LatencyBars({ latencies }: { latencies: readonly Latency[] }) {
  const bars = barsOf(latencies);
  const longest = Math.max(0.5, ...bars.map((bar) => bar.totalS));
  const median = medianS(bars);
  if (bars.length === 0) return <Text c="dimmed">The caller asked nothing, so nobody had to wait.</Text>;
  return (
    <figure className={classes.figure}>
      <figcaption>
        From the caller&apos;s last sound to the agent&apos;s first
        {median !== null && (
          <>
            : <strong>{seconds(median)}</strong> in the middle of all turns
          </>
        )}
        .
      </figcaption>
      <ul className={classes.legend} aria-hidden="true">
        {Object.entries(PART_LABELS).map(([name, label]) => (
          <li key={name}>
            <i data-part={name} /> {label}
          </li>
        ))}
      </ul>
      <ol className={classes.bars}>
        {bars.map((bar, index) => (
          <li key={bar.turnId || index}>
            <span className={classes.number} aria-hidden="true">
              {index + 1}
            </span>
            <span className={classes.bar} role="img" aria-label={inWords(bar, index)}>
              {bar.parts.map((part) => (
                <span
                  key={part.name}
                  data-part={part.name}
                  style={{ width: `${String((part.seconds / longest) * 100)}%` }}
                  title={`${part.label}: ${seconds(part.seconds)}`}
                />
              ))}
            </span>
            <span className={classes.total} aria-hidden="true">
              {bar.isComplete ? seconds(bar.totalS) : "no answer"}
            </span>
          </li>
        ))}
      </ol>
    </figure>
  );
}

function inWords(bar: Bar, index: number): string {
  const parts = bar.parts.map((part) => `${part.label.toLowerCase()} ${seconds(part.seconds)}`).join(", ");
  const total = bar.isComplete ? `first audio after ${seconds(bar.totalS)}` : "no answer was heard";
  return `Turn ${String(index + 1)}: ${total}${parts ? ` (${parts})` : ""}`;
}

function seconds(value: number): string {
  return `${value.toFixed(2)} s`;
}
