/** The row of filters above the calls. What is typed is searched for a moment after the last key. */
import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { IconFilterOff, IconSearch } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { agentsQuery } from "../agents/agents";
import classes from "./CallFilters.module.css";
import type { CallFilter } from "./calls";
import { OUTCOME_CHOICES } from "./words";

interface Props {
  filter: CallFilter;
  isFiltered: boolean;
  onChange: (changes: Partial<CallFilter>) => void;
  onClear: () => void;
}

const DAY_S = 86_400;

export function CallFilters({ filter, isFiltered, onChange, onClear }: Props) {
  const agents = useQuery(agentsQuery).data ?? [];
  return (
    <search className={classes.filters} aria-label="Filter calls">
      <Search value={filter.search} onChange={(search) => { onChange({ search }); }} />
      <NativeSelect
        label="Agent"
        value={filter.agent_id}
        onChange={(event) => { onChange({ agent_id: event.currentTarget.value }); }}
        data={[{ value: "", label: "Any agent" }, ...agents.map(({ id, config }) => ({ value: id, label: config.name }))]}
      />
      <NativeSelect
        label="Direction"
        value={filter.direction}
        onChange={(event) => { onChange({ direction: event.currentTarget.value }); }}
        data={[
          { value: "", label: "Both" },
          { value: "incoming", label: "Incoming" },
          { value: "outgoing", label: "Outgoing" },
        ]}
      />
      <NativeSelect
        label="Outcome"
        value={filter.is_running === "true" ? "is_running" : filter.outcome}
        onChange={(event) => {
          const value = event.currentTarget.value;
          onChange(value === "is_running" ? { outcome: "", is_running: "true" } : { outcome: value, is_running: "" });
        }}
        data={[{ value: "", label: "Any outcome" }, { value: "is_running", label: "Still running" }, ...OUTCOME_CHOICES]}
      />
      <DayInput label="From" at={filter.started_from} onChange={(started_from) => { onChange({ started_from }); }} />
      <DayInput
        label="To"
        at={filter.started_before === null ? null : filter.started_before - DAY_S}
        onChange={(day) => { onChange({ started_before: day === null ? null : day + DAY_S }); }}
      />
      {isFiltered && (
        <Button variant="subtle" color="gray" leftSection={<IconFilterOff size={16} />} onClick={onClear}>
          Clear
        </Button>
      )}
    </search>
  );
}

function Search({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [typed, setTyped] = useState(value);
  const [last, setLast] = useState(value);
  if (value !== last) {
    // The address changed under us: “Clear”, or the browser's back.
    setLast(value);
    setTyped(value);
  }
  const search = useDebouncedCallback((words: string) => {
    setLast(words);
    onChange(words);
  }, 350);
  useEffect(() => search.cancel, [search]);
  return (
    <TextInput
      className={classes.search}
      label="Search"
      type="search"
      placeholder="Words that were said, a number, an agent"
      maxLength={200}
      leftSection={<IconSearch size={16} aria-hidden="true" />}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        search(event.currentTarget.value.trim());
      }}
    />
  );
}

/** A day in the browser's own time zone; `at` is its midnight. */
function DayInput({ label, at, onChange }: { label: string; at: number | null; onChange: (at: number | null) => void }) {
  return (
    <TextInput
      label={label}
      type="date"
      value={at === null ? "" : dayText(at)}
      onChange={(event) => {
        const midnight = new Date(`${event.currentTarget.value}T00:00:00`).getTime();
        onChange(Number.isNaN(midnight) ? null : midnight / 1000);
      }}
    />
  );
}

function dayText(at: number): string {
  const date = new Date(at * 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${String(date.getFullYear())}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
