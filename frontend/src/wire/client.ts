/**
 * How the console asks the API: `api.GET("/api/agents")`, typed by the generated document, or `request()` for an address
 * that the document does not have (yet).
 *
 * The cookie says who asks; a request that changes something also carries the CSRF token that the session was answered
 * with. Every refusal is thrown as an ApiError, every unreachable server as a NetworkError. A 401 outside of signing in
 * tells whoever listens with `onSignedOut` (src/access/session.ts), once per answer.
 */
import createClient from "openapi-fetch";
import type { components, paths } from "./api";
import { NetworkError, parseError } from "./errors";

export type Schemas = components["schemas"];

const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);
const SESSION_PATH = "/api/session";

let csrfToken: string | null = null;
const signedOutListeners = new Set<() => void>();

/** The token of the present session; null after signing out. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** Called whenever the API says that the session is over. Returns how to stop listening. */
export function onSignedOut(listener: () => void): () => void {
  signedOutListeners.add(listener);
  return () => signedOutListeners.delete(listener);
}

/** `fetch` with our cookie, our CSRF token, and our errors. Resolves only with a 2xx answer. */
export async function send(input: Request): Promise<Response> {
  const request = new Request(input, { credentials: "same-origin" });
  request.headers.set("Accept", request.headers.get("Accept") ?? "application/json");
  if (csrfToken !== null && !SAFE.has(request.method)) request.headers.set("X-CSRF-Token", csrfToken);
  let response: Response;
  try {
    response = await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new NetworkError(error);
  }
  if (response.ok) return response;
  if (response.status === 401 && new URL(request.url).pathname !== SESSION_PATH) {
    signedOutListeners.forEach((listener) => {
      listener();
    });
  }
  throw parseError(response.status, await jsonOrNull(response), response.headers.get("Retry-After"));
}

/** The documented API. Every method resolves with `{ data }`; a refusal is thrown. */
export const api = createClient<paths>({ baseUrl: window.location.origin, fetch: send });

interface RequestOptions {
  body?: unknown;
  query?: Record<string, string | number | boolean | null | undefined>;
  signal?: AbortSignal;
}

/** One request to an address below our origin. Resolves with the JSON body, or undefined where there is none. */
export async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
  const url = new URL(path, window.location.origin);
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  const init: RequestInit = { method };
  if (options.signal) init.signal = options.signal;
  if (options.body !== undefined) {
    init.body = JSON.stringify(options.body);
    init.headers = { "Content-Type": "application/json" };
  }
  const response = await send(new Request(url, init));
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** The body of an answer that the document says has one. */
export function data<T>(answer: { data?: T }): T {
  if (answer.data === undefined) throw new Error("the answer has no body");
  return answer.data;
}

async function jsonOrNull(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return null; // not JSON: a proxy's own page
  }
}
