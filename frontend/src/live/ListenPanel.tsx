/** Listening in, with how loud each side is. */
import { Alert, Button, Paper, Stack, Text } from "@mantine/core";
import { IconHeadphones, IconHeadphonesOff } from "@tabler/icons-react";
import { LevelMeter } from "../ui/LevelMeter";
import classes from "./LiveCallPage.module.css";
import { useListening } from "./useListening";

export function ListenPanel({ callControlId }: { callControlId: string }) {
  const { state, problem, levels, toggle } = useListening(callControlId);
  const isOn = state === "on";
  return (
    <Paper withBorder component="section" className={classes.panel} aria-label="Listen in">
      <Stack gap="sm">
        <Button
          variant={isOn ? "filled" : "default"}
          leftSection={isOn ? <IconHeadphonesOff size={18} /> : <IconHeadphones size={18} />}
          loading={state === "connecting"}
          aria-pressed={isOn}
          onClick={toggle}
        >
          {isOn ? "Stop listening" : "Listen in"}
        </Button>
        {isOn && (
          <>
            <LevelMeter label="Caller" level={levels.caller} side="caller" />
            <LevelMeter label="Agent" level={levels.agent} side="agent" />
            <Text size="sm" c="dimmed">
              Nobody on the line can hear you.
            </Text>
          </>
        )}
        {state === "failed" && (
          <Alert color="brick" role="alert">
            {problem}
          </Alert>
        )}
      </Stack>
    </Paper>
  );
}
