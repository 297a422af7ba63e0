/** What had to hold, and what was measured; what did not hold stands on top. */
import { Paper, Title } from "@mantine/core";
import { IconCircleCheck, IconCircleX } from "@tabler/icons-react";
import classes from "./CheckList.module.css";
import type { Run } from "./rehearsals";

export function CheckList({ checks }: { checks: Run["checks"] }) {
  const sorted = [...checks].sort((one, other) => Number(one.passed) - Number(other.passed));
  const failed = checks.filter((check) => !check.passed).length;
  return (
    <Paper withBorder component="section" className={classes.panel} aria-labelledby="checks">
      <Title order={2} id="checks">
        {failed === 0 ? `All ${String(checks.length)} checks passed` : `${String(failed)} of ${String(checks.length)} checks failed`}
      </Title>
      <ul className={classes.checks}>
        {sorted.map((check, index) => (
          <li key={index} className={classes.check} data-failed={!check.passed || undefined}>
            {check.passed ? <IconCircleCheck size={18} aria-label="passed" color="var(--oh-good)" /> : <IconCircleX size={18} aria-label="failed" color="var(--oh-bad)" />}
            <span className={classes.name}>{check.name}</span>
            <span className={classes.figures}>
              expected {check.expected} {check.tolerance}
              <br />
              measured <strong>{check.measured}</strong>
            </span>
          </li>
        ))}
      </ul>
    </Paper>
  );
}
