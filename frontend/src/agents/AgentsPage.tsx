/** All agents: find one, open it, copy it, take it out of use. */
import { Badge, CloseButton, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconPlus, IconRobot, IconSearch, IconSearchOff } from "@tabler/icons-react";
import { Link, useSearchParams } from "react-router";
import { useMay } from "../access/session";
import { Instant } from "../ui/Instant";
import { LinkButton } from "../ui/LinkButton";
import { EmptyState, Loaded } from "../ui/Loaded";
import { Page } from "../ui/Page";
import AgentMenu from "./AgentMenu";
import { agentsQuery, type Agent } from "./agents";
import classes from "./AgentsPage.module.css";
import { matching } from "./search";

export function Component() {
  const agents = useQuery(agentsQuery);
  const mayEdit = useMay("editor");
  const newButton = mayEdit && (
    <LinkButton to="/agents/new" leftSection={<IconPlus size={18} />}>
      New agent
    </LinkButton>
  );
  return (
    <Page title="Agents" about="Who answers your phone numbers, and how." actions={newButton}>
      <Loaded
        query={agents}
        isEmpty={(list) => list.length === 0}
        empty={
          <EmptyState icon={IconRobot} title="No agents yet" action={newButton}>
            An agent answers your phone numbers. Make one, give it a number, and ring.
          </EmptyState>
        }
      >
        {(list) => <SearchableList agents={list} />}
      </Loaded>
    </Page>
  );
}

function SearchableList({ agents }: { agents: Agent[] }) {
  const [params, setParams] = useSearchParams();
  const search = params.get("search") ?? "";
  const found = matching(agents, search);
  const setSearch = (text: string) => {
    setParams(text ? { search: text } : {}, { replace: true });
  };
  return (
    <>
      <TextInput
        type="search"
        aria-label="Search agents"
        placeholder="Name, number, voice, words of the instructions"
        leftSection={<IconSearch size={17} stroke={1.6} />}
        rightSection={
          search && (
            <CloseButton
              size="sm"
              aria-label="Clear the search"
              onClick={() => {
                setSearch("");
              }}
            />
          )
        }
        value={search}
        onChange={(event) => {
          setSearch(event.currentTarget.value);
        }}
        maw="28rem"
        mb="lg"
      />
      <Text size="sm" c="dimmed" role="status" mb="xs">
        {found.length === 1 ? "1 agent" : `${String(found.length)} agents`}
      </Text>
      {found.length === 0 ? (
        <EmptyState icon={IconSearchOff} title="No agent matches">
          Try fewer letters, or part of a phone number.
        </EmptyState>
      ) : (
        <ul className={classes.list}>
          {found.map((agent) => (
            <AgentRow key={agent.id} agent={agent} />
          ))}
        </ul>
      )}
    </>
  );
}

function AgentRow({ agent }: { agent: Agent }) {
  const { config } = agent;
  const [first, ...others] = config.phone_numbers;
  return (
    <li className={classes.row}>
      <div className={classes.main}>
        <Link to={`/agents/${agent.id}`} className={classes.name}>
          {config.name}
        </Link>
        <Text size="sm" c="dimmed" lineClamp={1}>
          {config.greeting || "Waits for the caller to speak first."}
        </Text>
      </div>
      <div className={classes.numbers}>
        {first === undefined ? (
          <Badge color="gray">no number</Badge>
        ) : (
          <>
            {first}
            {others.length > 0 && <Badge color="gray">+{others.length}</Badge>}
          </>
        )}
      </div>
      <Text size="sm" c="dimmed" className={classes.voice} lineClamp={1}>
        {config.language}, {config.voice}
      </Text>
      <Text size="sm" c="dimmed" className={classes.version}>
        v{agent.version} · <Instant at={agent.updated_at} />
      </Text>
      <div className={classes.menu}>
        <AgentMenu agent={agent} />
      </div>
    </li>
  );
}
