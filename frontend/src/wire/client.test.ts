/** wire/client.ts */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { api, data, onSignedOut, request, setCsrfToken } from "./client";
import { ApiError, NetworkError } from "./errors";

const asked: Request[] = [];
let answer: () => Promise<Response>;

function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
}

beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal("fetch", (input: Request) => {
    asked.push(input);
    return answer();
  });
});

afterEach(() => {
  setCsrfToken(null);
  vi.unstubAllGlobals();
});

test("a request that only reads carries no CSRF token, one that changes something does", async () => {
  answer = () => Promise.resolve(json(200, { agents: [] }));
  setCsrfToken("t0ken");

  expect(data(await api.GET("/api/agents"))).toEqual({ agents: [] });
  await request("POST", "/api/users", { body: { name: "ada" } });

  expect(asked[0]?.headers.get("X-CSRF-Token")).toBeNull();
  expect(asked[1]?.headers.get("X-CSRF-Token")).toBe("t0ken");
  expect(asked[1]?.headers.get("Content-Type")).toBe("application/json");
  expect(await asked[1]?.json()).toEqual({ name: "ada" });
});

test("a refusal is thrown with its code, its words and its fields", async () => {
  const fields = [{ field: "phone_numbers.1", message: "taken" }];
  answer = () => Promise.resolve(json(409, { error: { code: "number_taken", message: "a number is taken", fields } }));

  const error = await api.GET("/api/agents").catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 409, code: "number_taken", message: "a number is taken", fields });
});

test("a proxy's own page and a missing wait are no surprise", async () => {
  answer = () => Promise.resolve(new Response("<h1>Bad gateway</h1>", { status: 502 }));
  await expect(request("GET", "/api/agents")).rejects.toMatchObject({ status: 502, code: "unknown", retryAfterS: null });

  answer = () => Promise.resolve(json(429, { error: { code: "slow", message: "slow down" } }, { "Retry-After": "7" }));
  await expect(request("GET", "/api/agents")).rejects.toMatchObject({ status: 429, retryAfterS: 7, fields: [] });
});

test("a server that is not there is a NetworkError", async () => {
  answer = () => Promise.reject(new TypeError("Failed to fetch"));

  await expect(request("GET", "/api/agents")).rejects.toBeInstanceOf(NetworkError);
});

test("401 says that the session is over, except where one signs in", async () => {
  answer = () => Promise.resolve(json(401, { error: { code: "unauthorized", message: "no", fields: [] } }));
  const heard = vi.fn();
  const stop = onSignedOut(heard);

  await expect(request("POST", "/api/session", { body: {} })).rejects.toThrow();
  expect(heard).not.toHaveBeenCalled();
  await expect(request("GET", "/api/agents")).rejects.toThrow();
  expect(heard).toHaveBeenCalledOnce();

  stop();
});

test("empty filters are left out of the address, hostile ones are escaped", async () => {
  answer = () => Promise.resolve(json(200, {}));

  await request("GET", "/api/calls", { query: { search: "a&b=<c>", agent_id: "", cursor: null, limit: 0 } });

  expect(new URL(asked[0]!.url).search).toBe("?search=a%26b%3D%3Cc%3E&limit=0");
});
