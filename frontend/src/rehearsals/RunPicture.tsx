/** Who spoke when, as two lanes that grow while the run is running. The words beside it say the same. */
import { useNow } from "../ui/useNow";
import type { TimelineLine } from "./rehearsals";
import classes from "./RunPicture.module.css";
import { hangUpOf, spansOf, type Side } from "./runStory";

const SIDES: { side: Side; label: string }[] = [
  { side: "caller", label: "Caller" },
  { side: "agent", label: "Agent" },
];
const SHORTEST_S = 20;

export function RunPicture({ lines, isRunning }: { lines: TimelineLine[]; isRunning: boolean }) {
  const spans = spansOf(lines);
  const hangUp = hangUpOf(lines);
  const last = Math.max(0, ...lines.map((line) => line.at_s));
  // While it is running, an open span grows to the last thing that is known.
  useNow(isRunning ? 1 : 3600);
  const scale = Math.max(SHORTEST_S, (hangUp ?? last) * 1.04);
  const part = (seconds: number) => `${String((seconds / scale) * 100)}%`;
  const ticks = Array.from({ length: Math.floor(scale / stepOf(scale)) + 1 }, (_, index) => index * stepOf(scale));
  return (
    <div className={classes.picture} aria-hidden="true">
      {SIDES.map(({ side, label }) => (
        <div key={side} className={classes.lane}>
          <span className={classes.label}>{label}</span>
          <div className={classes.track} data-side={side}>
            {spans
              .filter((span) => span.side === side)
              .map((span, index) => (
                <span
                  key={index}
                  className={classes.span}
                  data-open={span.toS === null || undefined}
                  title={span.words}
                  style={{ left: part(span.fromS), width: part(Math.max(0.05, (span.toS ?? last) - span.fromS)) }}
                />
              ))}
            {hangUp !== null && <span className={classes.end} style={{ left: part(hangUp) }} />}
          </div>
        </div>
      ))}
      <div className={classes.lane}>
        <span />
        <div className={classes.scale}>
          {ticks.map((tick) => (
            <span key={tick} style={{ left: part(tick) }}>
              {tick} s
            </span>
          ))}
        </div>
      </div>
    </div>
  );
}

function stepOf(scale: number): number {
  return [5, 10, 20, 30, 60, 120, 300, 600].find((step) => scale / step <= 8) ?? 1200;
}
