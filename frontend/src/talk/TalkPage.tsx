/** Talking in the browser. */
import { IconMicrophone } from "@tabler/icons-react";
import { EmptyState } from "../ui/Loaded";
import { LinkButton } from "../ui/LinkButton";
import { Page } from "../ui/Page";

export function Component() {
  return (
    <Page title="Talk" about="Speak with an agent, here in the browser.">
      <EmptyState icon={IconMicrophone} title="This page is not built yet" action={<LinkButton to="/agents">Go to the agents</LinkButton>}>
        Until then agents are reached by telephone.
      </EmptyState>
    </Page>
  );
}
