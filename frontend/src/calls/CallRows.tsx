/** The calls as rows; each is one link. */
import { IconArrowDownLeft, IconArrowUpRight } from "@tabler/icons-react";
import { Link } from "react-router";
import { AgentName } from "../agents/AgentName";
import { durationText } from "../ui/format";
import { Instant } from "../ui/Instant";
import type { CallSummary } from "./calls";
import classes from "./CallRows.module.css";
import { OutcomeBadge } from "./OutcomeBadge";
import { numberText } from "./words";

export function CallRows({ calls, isStale }: { calls: CallSummary[]; isStale: boolean }) {
  return (
    <ul className={classes.rows} aria-label="Calls" aria-busy={isStale} data-stale={isStale || undefined}>
      {calls.map((call) => {
        const isIncoming = call.direction === "incoming";
        const Arrow = isIncoming ? IconArrowDownLeft : IconArrowUpRight;
        const other = isIncoming ? call.from_number : call.to_number;
        const path = call.ended_at === null ? `/live/${encodeURIComponent(call.call_control_id)}` : `/calls/${encodeURIComponent(call.call_control_id)}`;
        return (
          <li key={call.call_control_id}>
            <Link to={path} className={classes.row}>
              <Arrow className={classes.arrow} size={18} stroke={1.8} aria-label={isIncoming ? "Incoming" : "Outgoing"} />
              <span className={classes.who}>
                <span className={classes.number}>{call.call_control_id.startsWith("web-") ? "Browser" : numberText(other)}</span>
                <span className={classes.agent}><AgentName id={call.agent_id} version={call.agent_version} /></span>
              </span>
              <span className={classes.when}>
                <Instant at={call.started_at} />
              </span>
              <span className={classes.length}>
                {call.ended_at === null ? "–" : durationText(Math.max(0, call.ended_at - (call.answered_at ?? call.started_at)))}
              </span>
              <span className={classes.checkIns}>
                {call.check_ins > 0 && `${String(call.check_ins)} check-in${call.check_ins === 1 ? "" : "s"}`}
              </span>
              <span className={classes.outcome}>
                <OutcomeBadge call={call} />
              </span>
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
