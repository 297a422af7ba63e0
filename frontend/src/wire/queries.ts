/** What TanStack Query does with our answers: a refusal is final, an unreachable server is asked again. */
import { QueryClient } from "@tanstack/react-query";
import { isWorthRepeating } from "./errors";

const TRIES = 3;

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        retry: (failures, error) => failures < TRIES - 1 && isWorthRepeating(error),
        staleTime: 5_000,
      },
      mutations: { retry: false },
    },
  });
}
