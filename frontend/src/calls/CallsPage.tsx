/** All calls, newest first: searched, filtered (the address keeps the filter), more on demand. */
import { Button, Group, Text } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { IconPhoneCall, IconSearchOff } from "@tabler/icons-react";
import { EmptyState, Loaded } from "../ui/Loaded";
import { LinkButton } from "../ui/LinkButton";
import { Page } from "../ui/Page";
import { CallFilters } from "./CallFilters";
import { CallRows } from "./CallRows";
import { callsQuery, type CallFilter } from "./calls";
import { useCallFilter } from "./useCallFilter";

export function Component() {
  const { filter, change, clear, isFiltered } = useCallFilter();
  return (
    <Page title="Calls" about="What was said, how long it took, and why it ended.">
      <CallFilters filter={filter} onChange={change} onClear={clear} isFiltered={isFiltered} />
      <FoundCalls filter={filter} isFiltered={isFiltered} onClear={clear} />
    </Page>
  );
}

function FoundCalls({ filter, isFiltered, onClear }: { filter: CallFilter; isFiltered: boolean; onClear: () => void }) {
  const found = useInfiniteQuery({ ...callsQuery(filter), placeholderData: keepPreviousData });
  const none = isFiltered ? (
    <EmptyState
      icon={IconSearchOff}
      title="No call fits"
      action={
        <Button variant="default" onClick={onClear}>
          Show all calls
        </Button>
      }
    >
      Try other words, or fewer filters.
    </EmptyState>
  ) : (
    <EmptyState icon={IconPhoneCall} title="No calls yet" action={<LinkButton to="/talk">Talk to an agent</LinkButton>}>
      Calls appear here as soon as somebody rings. To see one now, talk to an agent in the browser, or run a rehearsal.
    </EmptyState>
  );
  return (
    <Loaded query={found} isEmpty={({ pages }) => pages.every((page) => page.calls.length === 0)} empty={none}>
      {({ pages }) => (
        <>
          <CallRows calls={pages.flatMap((page) => page.calls)} isStale={found.isPlaceholderData} />
          <Group justify="center" mt="lg">
            {found.hasNextPage ? (
              <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
                Show more calls
              </Button>
            ) : (
              <Text c="dimmed" size="sm">
                That is all.
              </Text>
            )}
          </Group>
        </>
      )}
    </Loaded>
  );
}
