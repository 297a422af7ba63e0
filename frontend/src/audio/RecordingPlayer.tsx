/**
 * A recording with its waveform, the caller above, the agent below. A click or the arrow keys move to a place; the sound is
 * fetched as it is played, the picture once.
 */
import { ActionIcon, Alert, Button, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconDownload, IconPlayerPauseFilled, IconPlayerPlayFilled } from "@tabler/icons-react";
import { durationText } from "../ui/format";
import { send } from "../wire/client";
import { messageOf } from "../wire/errors";
import classes from "./RecordingPlayer.module.css";
import type { Playback } from "./usePlayback";
import { waveformOf, type Peaks, type Waveform } from "./wav";

const STRETCHES = 400;

interface Props {
  playback: Playback;
  url: string;
  /** Address of the same as a file; without, nothing can be downloaded. */
  downloadUrl?: string;
  /** As the API says it; shown until the file itself is there. */
  durationS: number;
}

export function RecordingPlayer({ playback, url, downloadUrl, durationS }: Props) {
  const { attach, positionS, isPlaying, seek, toggle } = playback;
  const waveform = useQuery({
    queryKey: ["recordings", url, Math.round(durationS)],
    queryFn: async ({ signal }) => {
      const answer = await send(new Request(new URL(url, window.location.origin), { signal, headers: { Accept: "audio/wav" } }));
      return waveformOf(await answer.arrayBuffer(), STRETCHES);
    },
    staleTime: Infinity,
  });
  const length = waveform.data?.durationS ?? durationS;
  return (
    <section className={classes.player} aria-label="Recording">
      {/* A phone call has no captions of its own; the transcript stands beside it. */}
      {/* eslint-disable-next-line jsx-a11y/media-has-caption -- see above */}
      <audio ref={attach} src={url} preload="metadata" />
      <ActionIcon
        className={classes.play}
        size={46}
        radius="xl"
        onClick={toggle}
        aria-label={isPlaying ? "Pause the recording" : "Play the recording"}
      >
        {isPlaying ? <IconPlayerPauseFilled size={20} /> : <IconPlayerPlayFilled size={20} />}
      </ActionIcon>
      <div className={classes.track}>
        {waveform.error ? (
          <Alert color="amber" p="xs">
            The waveform cannot be drawn: {messageOf(waveform.error)}
          </Alert>
        ) : (
          <Picture waveform={waveform.data} part={length > 0 ? positionS / length : 0} />
        )}
        <input
          className={classes.slider}
          type="range"
          min={0}
          max={Math.max(length, 0.1)}
          step={0.1}
          value={Math.min(positionS, length)}
          aria-label="Position in the recording"
          aria-valuetext={`${durationText(positionS)} of ${durationText(length)}`}
          onChange={(event) => {
            seek(Number(event.currentTarget.value));
          }}
        />
      </div>
      <div className={classes.foot}>
        <Text component="span" size="sm" ff="monospace">
          {clock(positionS)} / {clock(length)}
        </Text>
        <span className={classes.legend} aria-hidden="true">
          <i data-side="caller" /> caller
          <i data-side="agent" /> agent
        </span>
        {downloadUrl !== undefined && (
          <Button component="a" href={downloadUrl} download variant="subtle" size="compact-sm" leftSection={<IconDownload size={15} />}>
            Download
          </Button>
        )}
      </div>
    </section>
  );
}

function Picture({ waveform, part }: { waveform: Waveform | undefined; part: number }) {
  const [caller = [], agent = []] = waveform?.channels ?? [];
  return (
    <svg className={classes.picture} viewBox={`0 0 ${String(STRETCHES)} 100`} preserveAspectRatio="none" aria-hidden="true" data-loading={waveform === undefined || undefined}>
      <line x1={0} x2={STRETCHES} y1={50} y2={50} className={classes.middle} />
      <path d={area(caller, 25)} className={classes.caller} />
      <path d={area(agent, 75)} className={classes.agent} />
      <rect x={0} y={0} width={Math.min(1, part) * STRETCHES} height={100} className={classes.played} />
      <line x1={Math.min(1, part) * STRETCHES} x2={Math.min(1, part) * STRETCHES} y1={0} y2={100} className={classes.here} />
    </svg>
  );
}

/** The peaks as a closed shape around a middle line. Quiet telephone speech is drawn large enough to be seen. */
function area(peaks: Peaks, middle: number): string {
  if (peaks.length === 0) return "";
  const loudest = Math.max(0.05, ...peaks);
  const height = (peak: number) => 0.4 + 22 * Math.sqrt(peak / loudest);
  const above = peaks.map((peak, x) => `${String(x)} ${(middle - height(peak)).toFixed(1)}`);
  const below = peaks.map((peak, x) => `${String(x)} ${(middle + height(peak)).toFixed(1)}`).reverse();
  return `M${above.join("L")}L${below.join("L")}Z`;
}

function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${String(Math.floor(whole / 60))}:${String(whole % 60).padStart(2, "0")}`;
}
