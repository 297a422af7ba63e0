/** What is wrong with a text while it is written: asked of the server a moment after the last key. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useDebouncedValue } from "@mantine/hooks";
import { checkYaml, type Problem } from "./rehearsals";

const NONE: Problem[] = [];

export function useProblems(yaml: string): { problems: Problem[]; isChecking: boolean } {
  const [settled] = useDebouncedValue(yaml, 400);
  const checked = useQuery({
    queryKey: ["rehearsals", "check", settled],
    queryFn: ({ signal }) => checkYaml(settled, signal),
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    gcTime: 60_000,
  });
  return { problems: checked.data ?? NONE, isChecking: checked.isFetching || settled !== yaml };
}
