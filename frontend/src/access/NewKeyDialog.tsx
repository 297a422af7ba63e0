/** Makes a key, then shows its secret for the first and last time. */
import { Alert, Button, CopyButton, Group, Modal, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useState } from "react";
import { useForm, useWatch } from "react-hook-form";
import { showFieldErrors } from "../ui/formErrors";
import classes from "./NewKeyDialog.module.css";
import { ROLE_HELP, ROLES, type Role } from "./session";
import { useCreateKey, type NewApiKey } from "./users";

interface Fields {
  name: string;
  role: Role;
}

export function NewKeyDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const [made, setMade] = useState<NewApiKey | null>(null);
  const close = () => {
    setMade(null);
    onClose();
  };
  return (
    <Modal
      opened={isOpen}
      onClose={close}
      title={made === null ? "Make a key" : "Your new key"}
      closeButtonProps={{ "aria-label": "Close" }}
      // A slip beside the dialog must not lose a secret that is shown only once.
      closeOnClickOutside={made === null}
    >
      {made === null ? <NewKeyForm onMade={setMade} onCancel={close} /> : <Secret made={made} onDone={close} />}
    </Modal>
  );
}

function NewKeyForm({ onMade, onCancel }: { onMade: (made: NewApiKey) => void; onCancel: () => void }) {
  const create = useCreateKey();
  const [failure, setFailure] = useState<string | null>(null);
  const { register, handleSubmit, setError, control, formState } = useForm<Fields>({
    defaultValues: { name: "", role: "viewer" },
  });
  const role = useWatch({ control, name: "role" });
  const submit = handleSubmit(async (fields) => {
    setFailure(null);
    try {
      onMade(await create.mutateAsync(fields));
    } catch (error) {
      setFailure(showFieldErrors(error, setError, (field) => field === "name" || field === "role"));
    }
  });
  return (
    <form noValidate onSubmit={(event) => void submit(event)}>
      <Stack>
        {failure !== null && (
          <Alert color="brick" role="alert">
            {failure}
          </Alert>
        )}
        <TextInput
          label="Name"
          description="Which program will use it."
          data-autofocus
          error={formState.errors.name?.message}
          {...register("name", { required: "A name is needed." })}
        />
        <NativeSelect label="Role" data={[...ROLES]} description={ROLE_HELP[role]} {...register("role")} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
          <Button type="submit" loading={create.isPending}>
            Make key
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Secret({ made, onDone }: { made: NewApiKey; onDone: () => void }) {
  return (
    <Stack>
      <Text>
        Copy it now. Only a fingerprint of it is kept, so it <strong>cannot be shown again</strong>.
      </Text>
      <code className={classes.secret} aria-label={`Key ${made.name}`}>
        {made.key}
      </code>
      <Group justify="flex-end">
        <CopyButton value={made.key}>
          {({ copied, copy }) => (
            <Button
              variant="default"
              leftSection={copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
              onClick={copy}
            >
              {copied ? "Copied" : "Copy"}
            </Button>
          )}
        </CopyButton>
        <Button onClick={onDone}>Done</Button>
      </Group>
    </Stack>
  );
}
