/**
 * The silence of a caller, drawn: how long the agent waits, what it says, when it hangs up. It follows the values while
 * they are typed. Below the drawing stands the same as text, for everybody.
 */
import { SegmentedControl, Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useId, useState } from "react";
import { durationText } from "../ui/format";
import classes from "./DeadAirTimeline.module.css";
import { deadAirTimeline, type DeadAirSettings, type Stretch, type Timeline } from "./deadAirTimeline";

export function DeadAirTimeline({ settings }: { settings: DeadAirSettings }) {
  const [caller, setCaller] = useState<"silent" | "hold_on">("silent");
  const timeline = deadAirTimeline(settings, caller === "hold_on");
  return (
    <figure className={classes.figure} aria-label="What a silent caller hears">
      <div className={classes.head}>
        <Text fw={600}>What a silent caller hears</Text>
        <SegmentedControl
          size="xs"
          aria-label="The caller"
          value={caller}
          onChange={setCaller}
          data={[
            { value: "silent", label: "says nothing" },
            { value: "hold_on", label: "said “hold on”" },
          ]}
        />
      </div>
      <Drawing timeline={timeline} />
      <ol className={classes.steps}>
        <Step at={0} mark="agent">
          The agent has finished speaking.
        </Step>
        {timeline.stretches
          .filter((stretch) => stretch.kind !== "silence")
          .map((stretch) => (
            <Step key={stretch.from} at={stretch.from} mark="agent">
              {stretch.kind === "check_in" ? `Check-in ${String(stretch.number)}: ` : "Goodbye: "}
              <q>{stretch.text}</q>
            </Step>
          ))}
        <Step at={timeline.end} mark="end">
          The agent hangs up.
        </Step>
      </ol>
      <Text size="xs" c="dimmed" mt="xs">
        Silences are exact. How long a text takes is an estimate: voices differ.
      </Text>
    </figure>
  );
}

function Step({ at, mark, children }: { at: number; mark: "agent" | "end"; children: React.ReactNode }) {
  return (
    <li data-mark={mark}>
      <span className={classes.at}>{durationText(roundToTenth(at))}</span>
      <span>{children}</span>
    </li>
  );
}

const HEIGHT = 92;
const TRACK_TOP = 34;
const TRACK_HEIGHT = 26;
const MARGIN = 12;
/** How wide a label of this many letters is at the drawing's type size, in pixels. */
const letterWidth = 6.7;

function Drawing({ timeline }: { timeline: Timeline }) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const titleId = useId();
  const drawn = Math.max(width || 640, 200);
  const scale = (drawn - 2 * MARGIN) / Math.max(timeline.end, 1);
  const x = (at: number) => MARGIN + at * scale;
  const middle = TRACK_TOP + TRACK_HEIGHT / 2;
  const stepLabels = labelsThatFit(timeline, x, drawn);
  return (
    <div ref={ref}>
      <svg
        className={classes.drawing}
        viewBox={`0 0 ${String(drawn)} ${String(HEIGHT)}`}
        height={HEIGHT}
        role="img"
        aria-labelledby={titleId}
      >
        <title id={titleId}>{sentence(timeline)}</title>
        <line className={classes.thread} x1={x(0)} x2={x(timeline.end)} y1={middle} y2={middle} />
        {timeline.stretches.map((stretch) => (
          <StretchShape key={`${stretch.kind}${String(stretch.from)}`} stretch={stretch} x={x} />
        ))}
        <circle className={classes.agentDot} cx={x(0)} cy={middle} r={5} />
        <path
          className={classes.end}
          d={`M${String(x(timeline.end) - 5)} ${String(middle - 5)}l10 10m0 -10l-10 10`}
        />
        {stepLabels.map((label) => (
          <text key={label.text} className={classes.label} x={label.x} y={18} textAnchor={label.anchor}>
            {label.text}
          </text>
        ))}
      </svg>
    </div>
  );
}

function StretchShape({ stretch, x }: { stretch: Stretch; x: (at: number) => number }) {
  const left = x(stretch.from);
  const width = Math.max(x(stretch.to) - left, 1);
  if (stretch.kind !== "silence") {
    return <rect className={classes.spoken} x={left} y={TRACK_TOP} width={width} height={TRACK_HEIGHT} rx={4} />;
  }
  const text = durationText(stretch.to - stretch.from < 10 ? roundToTenth(stretch.to - stretch.from) : stretch.to - stretch.from);
  const isLabelled = width > text.length * letterWidth + 4;
  return (
    <>
      <line className={classes.measure} x1={left + 2} x2={left + width - 2} y1={TRACK_TOP + 38} y2={TRACK_TOP + 38} />
      {isLabelled && (
        <text className={classes.seconds} x={left + width / 2} y={TRACK_TOP + 54} textAnchor="middle">
          {text}
        </text>
      )}
    </>
  );
}

interface Label {
  text: string;
  x: number;
  anchor: "start" | "middle" | "end";
}

/** The first and the last label always, those between where they do not run into a neighbour. */
function labelsThatFit(timeline: Timeline, x: (at: number) => number, width: number): Label[] {
  const first: Label = { text: "agent ends", x: MARGIN - 6, anchor: "start" };
  const last: Label = { text: "hangs up", x: width - MARGIN + 8, anchor: "end" };
  const labels = [first];
  let taken = first.x + first.text.length * letterWidth;
  const end = last.x - last.text.length * letterWidth;
  for (const stretch of timeline.stretches) {
    if (stretch.kind === "silence") continue;
    const middle = x((stretch.from + stretch.to) / 2);
    const texts = stretch.kind === "goodbye" ? ["goodbye"] : [`check-in ${String(stretch.number)}`, String(stretch.number)];
    const text = texts.find((one) => {
      const half = (one.length * letterWidth) / 2;
      return middle - half > taken + 6 && middle + half < end - 6;
    });
    if (text === undefined) continue;
    labels.push({ text, x: middle, anchor: "middle" });
    taken = middle + (text.length * letterWidth) / 2;
  }
  return [...labels, last];
}

/** The whole drawing in one sentence. */
function sentence(timeline: Timeline): string {
  const steps = timeline.stretches
    .filter((stretch) => stretch.kind !== "silence")
    .map((stretch) => `${stretch.kind === "check_in" ? `check-in ${String(stretch.number)}` : "goodbye"} at ${about(stretch.from)}`);
  return ["Agent ends at 0 s", ...steps, `hang-up at ${about(timeline.end)}`].join(", ");
}

function about(seconds: number): string {
  return durationText(roundToTenth(seconds));
}

function roundToTenth(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
