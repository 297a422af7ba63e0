/** Signing in. Afterwards the person is where they wanted to go. */
import { Alert, Button, Paper, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useForm } from "react-hook-form";
import { Navigate, useSearchParams } from "react-router";
import { Brand } from "../ui/Brand";
import { ColorSchemeToggle } from "../ui/ColorSchemeToggle";
import { ApiError, messageOf } from "../wire/errors";
import { safeNext } from "./next";
import { useSession, useSignIn, type Credentials } from "./session";
import classes from "./SignInPage.module.css";

export function Component() {
  useDocumentTitle("Sign in · Offhook");
  const [search] = useSearchParams();
  const session = useSession();
  const signIn = useSignIn();
  const { register, handleSubmit, formState } = useForm<Credentials>({ defaultValues: { name: "", password: "" } });
  if (session !== null) return <Navigate to={safeNext(search.get("next"))} replace />;

  return (
    <main className={classes.page}>
      <div className={classes.card}>
        <div className={classes.top}>
          <Brand />
          <ColorSchemeToggle />
        </div>
        <Paper withBorder p="xl" shadow="sm" bg="var(--oh-surface)">
          <form
            noValidate
            onSubmit={(event) => void handleSubmit((credentials) => {
              signIn.mutate(credentials);
            })(event)}
          >
            <Stack gap="md">
              <div>
                <Title order={1} size="h2">
                  Sign in
                </Title>
                <Text c="dimmed" size="sm" mt={4}>
                  The first password of “admin” was printed by <code>make up</code> and lies in{" "}
                  <code>DATA_DIR/admin_password</code>.
                </Text>
              </div>
              {signIn.isError && (
                <Alert color="brick" icon={<IconAlertTriangle size={18} />} role="alert">
                  {refusal(signIn.error)}
                </Alert>
              )}
              <TextInput
                label="Name"
                autoComplete="username"
                autoCapitalize="none"
                spellCheck={false}
                error={formState.errors.name?.message}
                {...register("name", { required: "Your name is needed." })}
              />
              <PasswordInput
                label="Password"
                autoComplete="current-password"
                error={formState.errors.password?.message}
                {...register("password", { required: "Your password is needed." })}
              />
              <Button type="submit" loading={signIn.isPending} mt="xs">
                Sign in
              </Button>
            </Stack>
          </form>
        </Paper>
      </div>
    </main>
  );
}

function refusal(error: unknown): string {
  if (!(error instanceof ApiError)) return messageOf(error);
  if (error.status === 401) return "Name or password is wrong.";
  if (error.status === 429) {
    const wait = error.retryAfterS === null ? "a while" : `${String(error.retryAfterS)} seconds`;
    return `Too many tries. Wait ${wait}, then try again.`;
  }
  return error.message;
}
