/** Running calls. */
import { IconBroadcast } from "@tabler/icons-react";
import { EmptyState } from "../ui/Loaded";
import { LinkButton } from "../ui/LinkButton";
import { Page } from "../ui/Page";

export function Component() {
  return (
    <Page title="Live" about="Calls that are running now.">
      <EmptyState icon={IconBroadcast} title="This page is not built yet" action={<LinkButton to="/agents">Go to the agents</LinkButton>}>
        Until then running calls are read under /api/live.
      </EmptyState>
    </Page>
  );
}
