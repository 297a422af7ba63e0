/** Everybody's own password. */
import { Alert, Button, Group, Modal, PasswordInput, Stack } from "@mantine/core";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { showFieldErrors } from "../ui/formErrors";
import { notifySuccess } from "../ui/notify";
import { useChangeUser } from "./users";

interface Props {
  userName: string;
  onClose: () => void;
}

interface Fields {
  password: string;
  again: string;
}

export default function ChangePassword({ userName, onClose }: Props) {
  return (
    <Modal opened onClose={onClose} title="Change your password" closeButtonProps={{ "aria-label": "Close" }}>
      <PasswordForm userName={userName} onDone={onClose} />
    </Modal>
  );
}

function PasswordForm({ userName, onDone }: { userName: string; onDone: () => void }) {
  const change = useChangeUser();
  const [failure, setFailure] = useState<string | null>(null);
  const { register, handleSubmit, setError, getValues, formState } = useForm<Fields>({
    defaultValues: { password: "", again: "" },
  });
  const submit = handleSubmit(async ({ password }) => {
    setFailure(null);
    try {
      await change.mutateAsync({ name: userName, password });
      notifySuccess("Your password is changed.");
      onDone();
    } catch (error) {
      setFailure(showFieldErrors(error, setError, (field) => field === "password"));
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
        <PasswordInput
          label="New password"
          autoComplete="new-password"
          data-autofocus
          error={formState.errors.password?.message}
          {...register("password", { required: "A password is needed." })}
        />
        <PasswordInput
          label="The same again"
          autoComplete="new-password"
          error={formState.errors.again?.message}
          {...register("again", {
            validate: (value) => value === getValues("password") || "The two are not the same.",
          })}
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" loading={change.isPending}>
            Change password
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
