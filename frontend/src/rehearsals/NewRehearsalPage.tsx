/** A new rehearsal: from a small example, or a copy of another one. Its name stands in the text. */
import { Alert, Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconDeviceFloppy } from "@tabler/icons-react";
import { useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { Loaded, SkeletonRows } from "../ui/Loaded";
import { Page } from "../ui/Page";
import { messageOf } from "../wire/errors";
import { EditorPanel } from "./EditorPanel";
import { renamed, nameIn } from "./names";
import { rehearsalQuery, useSaveRehearsal } from "./rehearsals";
import { useProblems } from "./useProblems";

const EXAMPLE = `name: my_rehearsal
title: A caller says hello and waits for an answer
caller:
  - wait_until: agent_answered
  - wait_until: agent_silent
  - say: "Hello, when do you open?"
  - wait_until: agent_said_2
  - wait_s: 1
  - hang_up: true
expect:
  heard:
    - {kind: greeting, after: answered, within_s: 3.0}
    - {kind: answer, after: said_1, within_s: 3.0}
  ends: {who: caller}
`;

export function Component() {
  const [params] = useSearchParams();
  const from = params.get("from");
  return from === null ? <NewRehearsal yaml={EXAMPLE} /> : <Copy from={from} />;
}

function Copy({ from }: { from: string }) {
  const original = useQuery(rehearsalQuery(from));
  return (
    <Loaded query={original} skeleton={<SkeletonRows count={1} height={400} />}>
      {({ yaml }) => <NewRehearsal yaml={renamed(yaml, `${from}_copy`)} />}
    </Loaded>
  );
}

function NewRehearsal({ yaml }: { yaml: string }) {
  const [text, setText] = useState(yaml);
  const { problems, isChecking } = useProblems(text);
  const save = useSaveRehearsal();
  const navigate = useNavigate();
  const name = nameIn(text);
  return (
    <Page
      title="New rehearsal"
      back={{ to: "/rehearsals", label: "Rehearsals" }}
      about="What the caller does, step by step, and what must be heard. The name in the first line is what it is saved under."
      actions={
        <Button
          leftSection={<IconDeviceFloppy size={17} />}
          disabled={name === null || problems.length > 0}
          loading={save.isPending}
          onClick={() => {
            if (name === null) return;
            save.mutate({ name, yaml: text, version: 0 }, { onSuccess: () => void navigate(`/rehearsals/${name}`, { replace: true }) });
          }}
        >
          Save
        </Button>
      }
    >
      {save.error && (
        <Alert color="brick" role="alert" mb="md" title="It was not saved">
          {messageOf(save.error)}
        </Alert>
      )}
      <EditorPanel value={text} onChange={setText} problems={problems} isChecking={isChecking} />
    </Page>
  );
}
