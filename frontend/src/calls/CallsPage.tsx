/** Finished calls. */
import { IconPhoneCall } from "@tabler/icons-react";
import { EmptyState } from "../ui/Loaded";
import { LinkButton } from "../ui/LinkButton";
import { Page } from "../ui/Page";

export function Component() {
  return (
    <Page title="Calls" about="What was said, how long it took, and why it ended.">
      <EmptyState icon={IconPhoneCall} title="This page is not built yet" action={<LinkButton to="/agents">Go to the agents</LinkButton>}>
        Until then finished calls are read under /api/calls.
      </EmptyState>
    </Page>
  );
}
