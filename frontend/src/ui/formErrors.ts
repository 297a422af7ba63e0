/** Brings what the API says about single fields to those fields of a react-hook-form. */
import type { FieldPath, FieldValues, UseFormSetError } from "react-hook-form";
import { ApiError, messageOf } from "../wire/errors";

/**
 * Set the error of every field that the form has. Returns what is left to be said above the form: the message of an error
 * that names no field, or names fields that the form does not show; null when everything stands beside a field.
 */
export function showFieldErrors<T extends FieldValues>(
  error: unknown,
  setError: UseFormSetError<T>,
  hasField: (path: string) => boolean,
): string | null {
  if (!(error instanceof ApiError) || error.fields.length === 0) return messageOf(error);
  const rest: string[] = [];
  let isFirst = true;
  for (const { field, message } of error.fields) {
    if (hasField(field)) {
      setError(field as FieldPath<T>, { type: "server", message }, { shouldFocus: isFirst });
      isFirst = false;
    } else {
      rest.push(field ? `${field}: ${message}` : message);
    }
  }
  return rest.length > 0 ? rest.join("; ") : null;
}
