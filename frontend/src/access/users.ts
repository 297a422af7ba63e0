/** Reading and changing users and API keys. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { request, type Schemas } from "../wire/client";
import type { Role, User } from "./session";

export type ApiKey = Schemas["KeyAnswer"];

/** A key just made: the only time that its secret is answered. */
export type NewApiKey = Schemas["NewKeyAnswer"];

export type NewUser = Schemas["NewUser"];

export type UserChange = Partial<Schemas["UserChange"]>;

export const usersQuery = queryOptions({
  queryKey: ["users"],
  queryFn: async ({ signal }) => (await request<{ users: User[] }>("GET", "/api/users", { signal })).users,
});

export const keysQuery = queryOptions({
  queryKey: ["api-keys"],
  queryFn: async ({ signal }) => (await request<{ keys: ApiKey[] }>("GET", "/api/keys", { signal })).keys,
});

function useChange<Input, Output>(change: (input: Input) => Promise<Output>, queryKey: readonly unknown[]) {
  const queries = useQueryClient();
  return useMutation({ mutationFn: change, onSuccess: () => queries.invalidateQueries({ queryKey }) });
}

export function useCreateUser() {
  return useChange((user: NewUser) => request<User>("POST", "/api/users", { body: user }), usersQuery.queryKey);
}

export function useChangeUser() {
  return useChange(
    ({ name, ...change }: UserChange & { name: string }) =>
      request<User>("PUT", `/api/users/${encodeURIComponent(name)}`, { body: change }),
    usersQuery.queryKey,
  );
}

export function useDeleteUser() {
  return useChange(
    (name: string) => request<undefined>("DELETE", `/api/users/${encodeURIComponent(name)}`),
    usersQuery.queryKey,
  );
}

export function useCreateKey() {
  return useChange(
    (key: { name: string; role: Role }) => request<NewApiKey>("POST", "/api/keys", { body: key }),
    keysQuery.queryKey,
  );
}

export function useDeleteKey() {
  return useChange(
    (id: string) => request<undefined>("DELETE", `/api/keys/${encodeURIComponent(id)}`),
    keysQuery.queryKey,
  );
}
