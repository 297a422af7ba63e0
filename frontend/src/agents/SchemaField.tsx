/**
 * One setting, drawn from its schema: label, help, unit, range, default, what is wrong, and the editor that suits its
 * type. `path` is the field's path in the schema and in the form.
 */
import { Skeleton } from "@mantine/core";
import { createElement, lazy, Suspense } from "react";
import { useController, useFormContext } from "react-hook-form";
import type { AgentConfig } from "./agents";
import { ChoiceField } from "./fields/ChoiceField";
import { ChoicesField } from "./fields/ChoicesField";
import type { FieldProps } from "./fields/FieldProps";
import { LinesField } from "./fields/LinesField";
import { NumberField } from "./fields/NumberField";
import { SwitchField } from "./fields/SwitchField";
import { TextField } from "./fields/TextField";
import { knownField, resolved, type FieldSchema } from "./schema";
import { defaultText, rangeText } from "./words";

// These bring lists that open; the rest of the form need not wait for them.
const RecordsField = lazy(() => import("./fields/RecordsField"));
const VoiceField = lazy(() => import("./fields/VoiceField"));
const WordsField = lazy(() => import("./fields/WordsField"));

/** Fields that need more than their type says. */
const OWN_EDITOR: Record<string, React.ComponentType<FieldProps>> = {
  voice: VoiceField,
  fallback_voice: VoiceField,
};

const LONG_WORD = 40;

export function SchemaField({ path, isReadOnly }: { path: string; isReadOnly: boolean }) {
  const field = knownField(path);
  const { control } = useFormContext<AgentConfig>();
  const { field: input, fieldState } = useController({ control, name: path as "name" });
  const editor = createElement(OWN_EDITOR[path] ?? editorOf(field), {
    path,
    schema: field,
    label: field.title ?? path,
    help: field.description ?? "",
    limits: [rangeText(field), defaultText(path, field)].filter((text) => text !== null).join(" · "),
    isRequired: path === "name" || (field.minLength ?? 0) > 0,
    isReadOnly,
    value: input.value,
    onChange: input.onChange as (value: unknown) => void,
    onBlur: input.onBlur,
    onElement: input.ref,
    error: fieldState.error,
  });
  return <Suspense fallback={<Skeleton height={64} aria-hidden="true" />}>{editor}</Suspense>;
}

function editorOf(field: FieldSchema): React.ComponentType<FieldProps> {
  switch (field.type) {
    case "boolean":
      return SwitchField;
    case "number":
    case "integer":
      return NumberField;
    case "array": {
      const items = resolved(field.items ?? {});
      if (items.type === "object") return RecordsField;
      if (items.enum) return ChoicesField;
      return (items.maxLength ?? Infinity) <= LONG_WORD ? WordsField : LinesField;
    }
    default:
      return field.enum ? ChoiceField : TextField;
  }
}
