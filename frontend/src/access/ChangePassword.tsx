/** Everybody's own password. */
import { Alert, Button, Group, Modal, PasswordInput, Stack } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { showFieldErrors } from "../ui/formErrors";
import { notifySuccess } from "../ui/notify";
import { sessionQuery } from "./session";
import { useChangeUser } from "./users";

interface Props {
  userName: string;
  onClose: () => void;
}

interface Fields {
  present_password: string;
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
  const queries = useQueryClient();
  const change = useChangeUser();
  const [failure, setFailure] = useState<string | null>(null);
  const { register, handleSubmit, setError, getValues, formState } = useForm<Fields>({
    defaultValues: { present_password: "", password: "", again: "" },
  });
  const submit = handleSubmit(async ({ present_password, password }) => {
    setFailure(null);
    try {
      await change.mutateAsync({ name: userName, password, present_password });
      // It began a new session, with a CSRF token of its own.
      await queries.fetchQuery({ ...sessionQuery, staleTime: 0 });
      notifySuccess("Your password is changed.");
      onDone();
    } catch (error) {
      setFailure(showFieldErrors(error, setError, (field) => field === "password" || field === "present_password"));
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
          label="Present password"
          autoComplete="current-password"
          data-autofocus
          error={formState.errors.present_password?.message}
          {...register("present_password", { required: "Your present password is needed." })}
        />
        <PasswordInput
          label="New password"
          description="At least 12 characters."
          autoComplete="new-password"
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
