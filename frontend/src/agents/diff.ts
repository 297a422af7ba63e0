/** What differs between two agents, field by field, and how two people's changes go together. */
import type { AgentConfig } from "./agents";
import { fieldPaths, valueAt, withValue } from "./schema";

export interface Difference {
  path: string;
  before: unknown;
  after: unknown;
}

/** Every field that is not the same, in the schema's order. */
export function differences(before: AgentConfig, after: AgentConfig): Difference[] {
  return fieldPaths()
    .map((path) => ({ path, before: valueAt(before, path), after: valueAt(after, path) }))
    .filter((difference) => !isSame(difference.before, difference.after));
}

export type Side = "mine" | "theirs";

/** A field in which my agent and the present one differ. */
export interface Meeting {
  path: string;
  mine: unknown;
  theirs: unknown;
  /** Whether both of us changed it: only then somebody must choose. */
  isConflict: boolean;
  /** What nobody need think about: a field belongs to whoever changed it; in a conflict, to me. */
  suggested: Side;
}

/** Where my agent and theirs, both made from `base`, are not the same. */
export function meetings(base: AgentConfig, mine: AgentConfig, theirs: AgentConfig): Meeting[] {
  return differences(theirs, mine).map(({ path, before, after }) => {
    const from = valueAt(base, path);
    const isMine = !isSame(from, after);
    const isTheirs = !isSame(from, before);
    return { path, mine: after, theirs: before, isConflict: isMine && isTheirs, suggested: isMine ? "mine" : "theirs" };
  });
}

/** Their agent with my value in every field for which `choice` says so. */
export function merged(theirs: AgentConfig, found: readonly Meeting[], choice: (path: string) => Side): AgentConfig {
  return found
    .filter(({ path }) => choice(path) === "mine")
    .reduce((config, { path, mine }) => withValue(config, path, mine), theirs);
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
