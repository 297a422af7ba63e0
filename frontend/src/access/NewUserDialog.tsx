/** A new person: name, role, and a first password that they change themselves. */
import { Alert, Button, Group, Modal, NativeSelect, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { useForm, useWatch } from "react-hook-form";
import { showFieldErrors } from "../ui/formErrors";
import { notifySuccess } from "../ui/notify";
import { ROLE_HELP, ROLES } from "./session";
import { useCreateUser, type NewUser } from "./users";

const FIELDS = ["name", "role", "password"];

export function NewUserDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  return (
    <Modal opened={isOpen} onClose={onClose} title="Add a user" closeButtonProps={{ "aria-label": "Close" }}>
      <NewUserForm onDone={onClose} />
    </Modal>
  );
}

function NewUserForm({ onDone }: { onDone: () => void }) {
  const create = useCreateUser();
  const [failure, setFailure] = useState<string | null>(null);
  const { register, handleSubmit, setError, control, formState } = useForm<NewUser>({
    defaultValues: { name: "", role: "viewer", password: "" },
  });
  const role = useWatch({ control, name: "role" });
  const submit = handleSubmit(async (user) => {
    setFailure(null);
    try {
      await create.mutateAsync(user);
      notifySuccess(`${user.name} can sign in now.`);
      onDone();
    } catch (error) {
      setFailure(showFieldErrors(error, setError, (field) => FIELDS.includes(field)));
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
          autoComplete="off"
          autoCapitalize="none"
          data-autofocus
          error={formState.errors.name?.message}
          {...register("name", { required: "A name is needed." })}
        />
        <NativeSelect label="Role" data={[...ROLES]} description={ROLE_HELP[role]} {...register("role")} />
        <PasswordInput
          label="First password"
          description="At least 12 characters. They can change it after signing in."
          autoComplete="new-password"
          error={formState.errors.password?.message}
          {...register("password", { required: "A password is needed." })}
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" loading={create.isPending}>
            Add user
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
