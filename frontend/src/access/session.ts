/**
 * Who is signed in, and what that person may do. The server decides (backend/web/access.py); the console only leaves out
 * what would be refused.
 */
import { queryOptions, useMutation, useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { request, setCsrfToken } from "../wire/client";
import { ApiError } from "../wire/errors";

export type Role = "viewer" | "editor" | "admin";

export const ROLES: readonly Role[] = ["viewer", "editor", "admin"];

export const ROLE_HELP: Record<Role, string> = {
  viewer: "Sees everything, changes nothing.",
  editor: "Also changes agents, runs rehearsals, talks, dials, and steps into running calls.",
  admin: "Also deletes calls, and manages users and API keys.",
};

export interface User {
  name: string;
  role: Role;
}

export interface Session {
  user: User;
  csrf_token: string;
}

export interface Credentials {
  name: string;
  password: string;
}

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: readSession,
  staleTime: Infinity,
});

/** The present session, null when nobody is signed in. */
async function readSession({ signal }: { signal: AbortSignal }): Promise<Session | null> {
  try {
    return keep(await request<Session>("GET", "/api/session", { signal }));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

export function useSession(): Session | null {
  return useQuery(sessionQuery).data ?? null;
}

/** Whether the person who is signed in has at least this role. */
export function useMay(role: Role): boolean {
  const session = useSession();
  return session !== null && hasRole(session.user, role);
}

export function hasRole(user: User, role: Role): boolean {
  return ROLES.indexOf(user.role) >= ROLES.indexOf(role);
}

export function useSignIn() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (credentials: Credentials) =>
      keep(await request<Session>("POST", "/api/session", { body: credentials })),
    onSuccess: (session) => {
      queries.setQueryData(sessionQuery.queryKey, session);
    },
  });
}

export function useSignOut() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => request<undefined>("DELETE", "/api/session"),
    onSuccess: () => {
      forgetSession(queries);
    },
  });
}

/** The session is over: forget who it was and everything that was read for them. */
export function forgetSession(queries: QueryClient): void {
  setCsrfToken(null);
  queries.setQueryData(sessionQuery.queryKey, null);
  queries.removeQueries({ predicate: (query) => query.queryKey[0] !== sessionQuery.queryKey[0] });
}

function keep(session: Session): Session {
  setCsrfToken(session.csrf_token);
  return session;
}
