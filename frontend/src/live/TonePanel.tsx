/** How the speakers sound and what is heard around them, each with how sure the analysis is. */
import { Badge, Paper, Text, Title } from "@mantine/core";
import classes from "./TonePanel.module.css";
import type { LiveStory } from "./liveStory";

const SHOWN = 8;
const AROUND: Record<string, string> = { hold_music: "Hold music", queue: "A queue", noise: "Noise", silence: "Silence" };

export function TonePanel({ story }: { story: LiveStory }) {
  const { environment } = story;
  if (story.tones.length === 0 && environment === null) return null;
  return (
    <Paper withBorder component="section" className={classes.panel} aria-labelledby="tone">
      <Title order={2} id="tone">
        Tone
      </Title>
      {environment && (
        <Text size="sm" mt="xs">
          Around the caller: <strong>{AROUND[environment.kind] ?? environment.kind}</strong> ({percent(environment.confidence)})
        </Text>
      )}
      <ol className={classes.tones}>
        {story.tones
          .slice(-SHOWN)
          .reverse()
          .map((tone, index) => (
            <li key={index} data-shift={tone.isShift || undefined}>
              <span className={classes.who}>{tone.speaker}</span>
              <span>{tone.label}</span>
              {tone.isShift && <Badge color="amber">changed</Badge>}
              <span className={classes.sure}>{percent(tone.confidence)}</span>
            </li>
          ))}
      </ol>
    </Paper>
  );
}

function percent(part: number): string {
  return `${String(Math.round(part * 100))} %`;
}
