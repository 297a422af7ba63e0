/** The editor with its problems below, each a button that says where it is. */
import { Group, List, Loader, Skeleton, Text } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import { lazy, Suspense } from "react";
import classes from "./EditorPanel.module.css";
import type { Problem } from "./rehearsals";

const YamlEditor = lazy(() => import("./YamlEditor"));

interface Props {
  value: string;
  onChange: (text: string) => void;
  problems: Problem[];
  isChecking: boolean;
  isReadOnly?: boolean;
}

export function EditorPanel({ value, onChange, problems, isChecking, isReadOnly = false }: Props) {
  return (
    <div>
      <div className={classes.editor}>
        <Suspense fallback={<Skeleton height={420} />}>
          <YamlEditor value={value} onChange={onChange} problems={problems} isReadOnly={isReadOnly} label="Text of the rehearsal (YAML)" />
        </Suspense>
      </div>
      {!isReadOnly && (
        <div className={classes.problems} aria-live="polite">
          {problems.length > 0 ? (
            <List icon={<IconAlertTriangle size={16} color="var(--oh-bad)" aria-hidden="true" />} spacing="xs" aria-label="Problems">
              {problems.map((problem, index) => (
                <List.Item key={index}>
                  <Text component="span" ff="monospace" size="sm">
                    line {problem.line}
                  </Text>{" "}
                  {problem.path && <strong>{problem.path}: </strong>}
                  {problem.message}
                </List.Item>
              ))}
            </List>
          ) : (
            <Group gap={6} c="dimmed">
              {isChecking ? <Loader size={14} aria-hidden="true" /> : <IconCircleCheck size={17} color="var(--oh-good)" aria-hidden="true" />}
              <Text size="sm">{isChecking ? "Checking…" : "Nothing is wrong with it."}</Text>
            </Group>
          )}
        </div>
      )}
    </div>
  );
}
