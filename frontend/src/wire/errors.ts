/** What a request may fail with, in the shape of backend/web/errors.py. */
import type { components } from "./api";

export type FieldError = components["schemas"]["FieldError"];

/** An answer that was not 2xx. `code` never changes and is for programs; `message` is for people. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: FieldError[];
  /** Seconds after which another try makes sense, where the server said so. */
  readonly retryAfterS: number | null;

  constructor(status: number, code: string, message: string, fields: FieldError[] = [], retryAfterS: number | null = null) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.fields = fields;
    this.retryAfterS = retryAfterS;
  }
}

/** The server was not reached at all. */
export class NetworkError extends Error {
  constructor(cause?: unknown) {
    super("Offhook does not answer. Is it running, and are you online?", { cause });
    this.name = "NetworkError";
  }
}

/** The error in an answer's body; a body of another shape (a proxy's page) gives a general one. */
export function parseError(status: number, body: unknown, retryAfter: string | null = null): ApiError {
  const seconds = retryAfter === null ? NaN : Number(retryAfter);
  const retryAfterS = Number.isFinite(seconds) ? seconds : null;
  const error = isRecord(body) ? body["error"] : undefined;
  if (isRecord(error) && typeof error["code"] === "string" && typeof error["message"] === "string") {
    const fields = Array.isArray(error["fields"]) ? error["fields"].filter(isFieldError) : [];
    return new ApiError(status, error["code"], error["message"], fields, retryAfterS);
  }
  return new ApiError(status, "unknown", `the server answered ${String(status)}`, [], retryAfterS);
}

/** What to tell a person about any thrown thing. */
export function messageOf(error: unknown): string {
  return error instanceof Error && error.message ? error.message : "Something unexpected went wrong.";
}

/** Whether asking again may help: never for a refusal (4xx), except “too many” and “too slow”. */
export function isWorthRepeating(error: unknown): boolean {
  if (!(error instanceof ApiError)) return true;
  return error.status >= 500 || error.status === 408 || error.status === 429;
}

function isFieldError(value: unknown): value is FieldError {
  return isRecord(value) && typeof value["field"] === "string" && typeof value["message"] === "string";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
