/** What every editor of a setting is given. */
import type { FieldError, Merge, FieldErrorsImpl, RefCallBack } from "react-hook-form";
import type { FieldSchema } from "../schema";

export interface FieldProps {
  path: string;
  schema: FieldSchema;
  label: string;
  help: string;
  /** Range and default, ready to be read; may be empty. */
  limits: string;
  isRequired: boolean;
  isReadOnly: boolean;
  /** Whatever the form holds at `path`; an editor treats a wrong type as empty. */
  value: unknown;
  onChange: (value: unknown) => void;
  onBlur: () => void;
  /** For the element that takes the focus when the field is wrong. */
  onElement: RefCallBack;
  /** Of a list: may hold errors of single items. */
  error: FieldError | Merge<FieldError, FieldErrorsImpl> | undefined;
}

/** What is wrong with the field itself. */
export function ownMessage(error: FieldProps["error"]): string | undefined {
  const root = (error as { root?: FieldError } | undefined)?.root;
  const message = root?.message ?? error?.message;
  return typeof message === "string" && message !== "" ? message : undefined;
}

/** What is wrong with item `index` of a list, or with one field of it. */
export function itemMessage(error: FieldProps["error"], index: number, name?: string): string | undefined {
  const item = (error as unknown as Record<number, FieldError & Record<string, FieldError | undefined>> | undefined)?.[index];
  const message = name === undefined ? item?.message : item?.[name]?.message;
  return typeof message === "string" && message !== "" ? message : undefined;
}

export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
