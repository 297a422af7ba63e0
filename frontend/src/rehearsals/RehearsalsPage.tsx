/** All rehearsals: one's own first, then those that come with the product. */
import { ActionIcon, Anchor, Badge, Text, Title, VisuallyHidden } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconPlayerPlay, IconPlus, IconTheater } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { useMay } from "../access/session";
import { Instant } from "../ui/Instant";
import { EmptyState, Loaded } from "../ui/Loaded";
import { LinkButton } from "../ui/LinkButton";
import { Page } from "../ui/Page";
import { rehearsalsQuery, type RehearsalSummary } from "./rehearsals";
import classes from "./RehearsalsPage.module.css";
import { RunDialog } from "./RunDialog";
import { RunState } from "./RunState";

export function Component() {
  const rehearsals = useQuery(rehearsalsQuery);
  const mayEdit = useMay("editor");
  const [chosen, setChosen] = useState<string | null>(null);
  const newButton = mayEdit && (
    <LinkButton to="/rehearsals/new" leftSection={<IconPlus size={18} />}>
      New rehearsal
    </LinkButton>
  );
  return (
    <Page title="Rehearsals" about="A caller played from a script rings an agent; every word and every silence is measured." actions={newButton}>
      <Loaded
        query={rehearsals}
        isEmpty={(list) => list.length === 0}
        empty={
          <EmptyState icon={IconTheater} title="No rehearsals" action={newButton}>
            A rehearsal says what the caller does and what must be heard.
          </EmptyState>
        }
      >
        {(list) => (
          <>
            <Group title="Yours" rehearsals={list.filter((one) => one.is_own)} onRun={mayEdit ? setChosen : null} />
            <Group title="Shipped with Offhook" rehearsals={list.filter((one) => !one.is_own)} onRun={mayEdit ? setChosen : null} />
          </>
        )}
      </Loaded>
      <RunDialog
        name={chosen}
        onClose={() => {
          setChosen(null);
        }}
      />
    </Page>
  );
}

interface GroupProps {
  title: string;
  rehearsals: RehearsalSummary[];
  onRun: ((name: string) => void) | null;
}

function Group({ title, rehearsals, onRun }: GroupProps) {
  if (rehearsals.length === 0) return null;
  return (
    <section className={classes.group} aria-label={title}>
      <Title order={2}>{title}</Title>
      <ul className={classes.cards}>
        {rehearsals.map((one) => (
          <li key={one.name} className={classes.card}>
            <div className={classes.head}>
              <div className={classes.titles}>
                <Anchor component={Link} to={`/rehearsals/${one.name}`} className={classes.name}>
                  {one.name}
                </Anchor>
                <Text c="dimmed" size="sm" lineClamp={2}>
                  {one.title}
                </Text>
              </div>
              {onRun && (
                <ActionIcon
                  size="lg"
                  variant="light"
                  aria-label={`Run ${one.name}`}
                  title="Run it"
                  disabled={!one.is_valid}
                  onClick={() => {
                    onRun(one.name);
                  }}
                >
                  <IconPlayerPlay size={18} />
                </ActionIcon>
              )}
            </div>
            {one.is_valid ? <Caller steps={one.caller} /> : <Badge color="brick">No longer valid: open it to correct it</Badge>}
            <div className={classes.last}>
              {one.last_run ? (
                <Link to={`/rehearsals/runs/${one.last_run.id}`} className={classes.lastLink}>
                  <VisuallyHidden>Last run of {one.name}:</VisuallyHidden>
                  <RunState state={one.last_run.state} />
                  <Instant at={one.last_run.queued_at} />
                </Link>
              ) : (
                <Text size="sm" c="dimmed">
                  Never run here
                </Text>
              )}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

const SHOWN_STEPS = 3;

function Caller({ steps }: { steps: string[] }) {
  const more = steps.length - SHOWN_STEPS;
  return (
    <Text size="sm" component="div" className={classes.caller}>
      The caller {steps.slice(0, SHOWN_STEPS).join(", then ")}
      {more > 0 ? ` … and ${String(more)} more step${more === 1 ? "" : "s"}` : ""}.
    </Text>
  );
}
