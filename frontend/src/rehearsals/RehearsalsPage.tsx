/** Rehearsals. */
import { IconTheater } from "@tabler/icons-react";
import { EmptyState } from "../ui/Loaded";
import { LinkButton } from "../ui/LinkButton";
import { Page } from "../ui/Page";

export function Component() {
  return (
    <Page title="Rehearsals" about="Calls by a stand-in, to hear what your callers would.">
      <EmptyState icon={IconTheater} title="This page is not built yet" action={<LinkButton to="/agents">Go to the agents</LinkButton>}>
        Until then rehearsals run from the command line: python -m backend rehearse.
      </EmptyState>
    </Page>
  );
}
