/** An address that no page has. */
import { IconMapQuestion } from "@tabler/icons-react";
import { EmptyState } from "./Loaded";
import { LinkButton } from "./LinkButton";
import { Page } from "./Page";

export function NotFound() {
  return (
    <Page title="There is no such page">
      <EmptyState icon={IconMapQuestion} title="Nothing is at this address" action={<LinkButton to="/calls">Go to the calls</LinkButton>}>
        It may have been deleted, or the link was cut off.
      </EmptyState>
    </Page>
  );
}
