/**
 * The whole agent as one form. It holds what is typed until it is saved: leaving asks first, a refusal of the API goes
 * beside its field, and a version that somebody else saved meanwhile opens a dialog in which nothing is lost.
 */
import { Alert, Button } from "@mantine/core";
import { IconAlertTriangle, IconArrowBackUp, IconDeviceFloppy } from "@tabler/icons-react";
import { useState } from "react";
import { FormProvider, useForm, useFormState, useWatch, type UseFormReturn } from "react-hook-form";
import { showFieldErrors } from "../ui/formErrors";
import { UnsavedGuard } from "../ui/UnsavedGuard";
import { ApiError } from "../wire/errors";
import classes from "./AgentForm.module.css";
import type { Agent, AgentConfig } from "./agents";
import { DeadAirTimeline } from "./DeadAirTimeline";
import { fieldAt, fieldPaths } from "./schema";
import { SchemaField } from "./SchemaField";
import { SECTIONS, type Section } from "./sections";
import { SectionNav } from "./SectionNav";
import { agentResolver } from "./validate";

interface Props {
  /** What the form begins with, and what “changed” is measured against. */
  saved: AgentConfig;
  /** A draft to begin with instead; it counts as changed. */
  draft?: AgentConfig;
  isReadOnly?: boolean;
  saveLabel: string;
  /** Rejects with the API's refusal. Resolves with what is saved now. */
  onSave: (config: AgentConfig) => Promise<Agent>;
  /** The agent was changed by somebody else since `saved` was read. */
  onStale?: (mine: AgentConfig) => void;
  /** After a save. To lead on from here: `navigate(…, { state: SAVED })`. */
  onSaved?: (agent: Agent) => void;
}

export function AgentForm(props: Props) {
  const { saved, draft, isReadOnly = false, saveLabel } = props;
  const form = useForm<AgentConfig>({
    defaultValues: saved,
    ...(draft === undefined ? {} : { values: draft, resetOptions: { keepDefaultValues: true } }),
    resolver: agentResolver,
    mode: "onTouched",
  });
  const [failure, setFailure] = useState<string | null>(null);
  const { isDirty, isSubmitting } = form.formState;

  const submit = form.handleSubmit(
    async (config) => {
      setFailure(null);
      try {
        const agent = await props.onSave(config);
        form.reset(agent.config);
        props.onSaved?.(agent);
      } catch (error) {
        if (error instanceof ApiError && error.code === "stale_version") props.onStale?.(config);
        else setFailure(showFieldErrors(error, form.setError, (path) => fieldAt(path) !== undefined));
      }
    },
    () => {
      setFailure(null);
    },
  );

  return (
    <FormProvider {...form}>
      <UnsavedGuard isDirty={isDirty && !isReadOnly} />
      <form noValidate className={classes.form} onSubmit={(event) => void submit(event)} aria-label="Agent">
        <SectionNav sections={SECTIONS} wrongSections={useWrongSections(form)} />
        <div className={classes.sections}>
          {failure !== null && (
            <Alert color="brick" icon={<IconAlertTriangle size={18} />} title="Not saved" role="alert">
              {failure}
            </Alert>
          )}
          {SECTIONS.map((section) => (
            <SectionFields key={section.id} section={section} isReadOnly={isReadOnly} />
          ))}
          {!isReadOnly && (
            <SaveBar
              form={form}
              label={saveLabel}
              isSubmitting={isSubmitting}
              onDiscard={() => {
                setFailure(null);
                form.reset(saved);
              }}
            />
          )}
        </div>
      </form>
    </FormProvider>
  );
}

function SectionFields({ section, isReadOnly }: { section: Section; isReadOnly: boolean }) {
  const titleId = `${section.id}-title`;
  return (
    <section id={section.id} className={classes.section} aria-labelledby={titleId}>
      <header>
        <h2 id={titleId} className={classes.title}>
          {section.title}
        </h2>
        <p className={classes.about}>{section.about}</p>
      </header>
      {section.id === "dead-air" && <FollowingTimeline />}
      <div className={classes.fields}>
        {section.fields.map((path) => (
          <div key={path} data-wide={isWide(path) || undefined}>
            <SchemaField path={path} isReadOnly={isReadOnly} />
          </div>
        ))}
      </div>
    </section>
  );
}

/** Numbers stand two in a row; everything else has the whole width. */
function isWide(path: string): boolean {
  const type = fieldAt(path)?.type;
  return type !== "number" && type !== "integer";
}

function FollowingTimeline() {
  const settings = useWatch<AgentConfig, "settings.dead_air_settings">({ name: "settings.dead_air_settings" });
  return <DeadAirTimeline settings={settings} />;
}

interface SaveBarProps {
  form: UseFormReturn<AgentConfig>;
  label: string;
  isSubmitting: boolean;
  onDiscard: () => void;
}

function SaveBar({ form, label, isSubmitting, onDiscard }: SaveBarProps) {
  const { isDirty, errors, submitCount } = useFormState({ control: form.control });
  const wrong = fieldPaths().filter((path) => form.getFieldState(path as "name", { ...form.formState, errors }).invalid).length;
  const said =
    wrong > 0 && submitCount > 0
      ? `${String(wrong)} ${wrong === 1 ? "field needs" : "fields need"} your attention.`
      : isDirty
        ? "Changes are not saved yet. They apply to the next call."
        : "Everything is saved.";
  return (
    <div className={classes.saveBar} data-shown={isDirty || submitCount > 0 || undefined}>
      <span role="status" className={classes.saveState} data-wrong={(wrong > 0 && submitCount > 0) || undefined}>
        {said}
      </span>
      <Button
        variant="subtle"
        color="gray"
        leftSection={<IconArrowBackUp size={17} />}
        onClick={onDiscard}
        disabled={!isDirty || isSubmitting}
      >
        Discard
      </Button>
      <Button type="submit" leftSection={<IconDeviceFloppy size={17} />} loading={isSubmitting} disabled={!isDirty}>
        {label}
      </Button>
    </div>
  );
}

function useWrongSections(form: UseFormReturn<AgentConfig>): ReadonlySet<string> {
  const { errors } = useFormState({ control: form.control });
  const isWrong = (path: string) => form.getFieldState(path as "name", { ...form.formState, errors }).invalid;
  return new Set(SECTIONS.filter((section) => section.fields.some(isWrong)).map((section) => section.id));
}
