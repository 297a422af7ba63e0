/**
 * The three states that every page needs besides its content: loading (in the shape of what will come), empty (with a
 * next step), error (with another try). `Loaded` chooses between them from one query.
 */
import { Alert, Button, Skeleton, Stack, Text, ThemeIcon, Title, VisuallyHidden } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { IconAlertTriangle, IconRefresh, type Icon } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { messageOf } from "../wire/errors";
import classes from "./Loaded.module.css";

interface LoadedProps<T> {
  query: Pick<UseQueryResult<T>, "data" | "error" | "isPending" | "isFetching"> & { refetch: () => unknown };
  /** Drawn while there is nothing yet; default: three rows. */
  skeleton?: ReactNode;
  /** Whether there is nothing to show; then `empty` is drawn. */
  isEmpty?: (data: T) => boolean;
  empty?: ReactNode;
  children: (data: T) => ReactNode;
}

/** Content that stays on screen when a later refresh fails: then a notice stands above it. */
export function Loaded<T>({ query, skeleton, isEmpty, empty, children }: LoadedProps<T>) {
  const retry = () => void query.refetch();
  if (query.isPending) return <Loading>{skeleton ?? <SkeletonRows />}</Loading>;
  if (query.data === undefined) return <Failure error={query.error} onRetry={retry} isRetrying={query.isFetching} />;
  return (
    <>
      {query.error !== null && <StaleNotice error={query.error} onRetry={retry} />}
      {isEmpty?.(query.data) ? empty : children(query.data)}
    </>
  );
}

export function Loading({ children }: { children: ReactNode }) {
  return (
    <div role="status" aria-busy="true">
      <VisuallyHidden>Loading…</VisuallyHidden>
      <div aria-hidden="true">{children}</div>
    </div>
  );
}

export function SkeletonRows({ count = 3, height = 64 }: { count?: number; height?: number }) {
  return (
    <Stack gap="sm">
      {Array.from({ length: count }, (_, index) => (
        <Skeleton key={index} height={height} radius="lg" />
      ))}
    </Stack>
  );
}

interface FailureProps {
  error: unknown;
  onRetry?: () => void;
  isRetrying?: boolean;
  retryLabel?: string;
}

export function Failure({ error, onRetry, isRetrying = false, retryLabel = "Try again" }: FailureProps) {
  return (
    <div className={classes.state} role="alert">
      <ThemeIcon size={52} radius="xl" variant="light" color="brick" aria-hidden="true">
        <IconAlertTriangle size={26} stroke={1.6} />
      </ThemeIcon>
      <Title order={2}>This did not work</Title>
      <Text c="dimmed" maw="44ch" ta="center">
        {messageOf(error)}
      </Text>
      {onRetry && (
        <Button variant="default" leftSection={<IconRefresh size={16} />} onClick={onRetry} loading={isRetrying}>
          {retryLabel}
        </Button>
      )}
    </div>
  );
}

interface EmptyStateProps {
  icon: Icon;
  title: string;
  children: ReactNode;
  /** The next step: a button or a link. */
  action?: ReactNode;
}

export function EmptyState({ icon: Pictogram, title, children, action }: EmptyStateProps) {
  return (
    <div className={classes.state}>
      <ThemeIcon size={52} radius="xl" variant="light" aria-hidden="true">
        <Pictogram size={26} stroke={1.6} />
      </ThemeIcon>
      <Title order={2}>{title}</Title>
      <Text component="div" c="dimmed" maw="48ch" ta="center">
        {children}
      </Text>
      {action}
    </div>
  );
}

function StaleNotice({ error, onRetry }: { error: Error; onRetry: () => void }) {
  return (
    <Alert color="amber" mb="md" title="This may be out of date" icon={<IconAlertTriangle size={18} />}>
      {messageOf(error)}{" "}
      <Button variant="subtle" size="compact-sm" onClick={onRetry}>
        Try again
      </Button>
    </Alert>
  );
}
