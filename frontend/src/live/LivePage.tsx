/** The running calls, as they come and go. */
import { Badge } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconBroadcast } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { numberText } from "../calls/words";
import { durationText } from "../ui/format";
import { EmptyState, Loaded } from "../ui/Loaded";
import { LinkButton } from "../ui/LinkButton";
import { Page } from "../ui/Page";
import { useNow } from "../ui/useNow";
import { useEventStream } from "../wire/useEventStream";
import { ConnectionNotice } from "./ConnectionNotice";
import { ALL_EVENTS_URL, liveQuery, STATE_COLORS, STATE_WORDS, type LiveCall } from "./live";
import { follow, inOrder, NO_CALLS, type LiveCalls } from "./liveList";
import classes from "./LivePage.module.css";

export function Component() {
  const first = useQuery({ ...liveQuery, refetchOnWindowFocus: false });
  const [calls, setCalls] = useState<LiveCalls | null>(null);
  const stream = useEventStream({
    url: ALL_EVENTS_URL,
    onEvent: (event) => {
      setCalls((before) => follow(before ?? NO_CALLS, event));
    },
  });
  // Until the stream has spoken, the list that was read; after a pause the stream tells what changed.
  const shown = calls === null ? (first.data ?? []) : inOrder(calls);
  return (
    <Page title="Live" about="Calls that are running now.">
      <ConnectionNotice state={stream.state} onRetry={stream.retryNow} />
      <Loaded query={first}>
        {() =>
          shown.length === 0 ? (
            <EmptyState icon={IconBroadcast} title="Nobody is on the line" action={<LinkButton to="/talk">Talk to an agent</LinkButton>}>
              A call appears here the moment it rings. To see one now, talk to an agent in the browser, or run a rehearsal.
            </EmptyState>
          ) : (
            <LiveRows calls={shown} />
          )
        }
      </Loaded>
    </Page>
  );
}

const KINDS = { phone: "", browser: "Browser", livekit: "LiveKit" };

function LiveRows({ calls }: { calls: LiveCall[] }) {
  const now = useNow(1);
  return (
    <ul className={classes.cards} aria-label="Running calls">
      {calls.map((call) => {
        const other = call.direction === "outgoing" ? call.to_number : call.from_number;
        return (
          <li key={call.call_control_id}>
            <Link to={`/live/${encodeURIComponent(call.call_control_id)}`} className={classes.card}>
              <span className={classes.top}>
                <span className={classes.number}>{KINDS[call.kind] || numberText(other)}</span>
                <Badge color={STATE_COLORS[call.state]}>{STATE_WORDS[call.state]}</Badge>
              </span>
              <span className={classes.agent}>{call.agent_name}</span>
              <span className={classes.foot}>
                <span className={classes.pulse} aria-hidden="true" />
                {durationText(Math.max(0, Math.floor(now - call.started_at)))}
                {call.check_ins > 0 && ` · check-in ${String(call.check_ins)}`}
              </span>
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
