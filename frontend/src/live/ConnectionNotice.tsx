/** A calm word about the stream where there is one to say: nothing while all is well. */
import { Alert, Button } from "@mantine/core";
import { IconPlugConnectedX } from "@tabler/icons-react";
import type { StreamState } from "../wire/eventStream";

export function ConnectionNotice({ state, onRetry }: { state: StreamState; onRetry: () => void }) {
  if (state === "waiting") {
    return (
      <Alert color="amber" mb="md" icon={<IconPlugConnectedX size={18} />} title="The connection was lost" role="status">
        Nothing that happens meanwhile is missed: it is shown as soon as the server answers.{" "}
        <Button variant="subtle" size="compact-sm" onClick={onRetry}>
          Try now
        </Button>
      </Alert>
    );
  }
  if (state === "refused") {
    return (
      <Alert color="brick" mb="md" title="The server refuses this" role="alert">
        You may not watch this, or you are signed out. Load the page again.
      </Alert>
    );
  }
  return null;
}
