/** Who is signed in, what belongs to them, and the way out. */
import { Avatar, Menu, Text, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconKey, IconLogout, IconPassword, IconUsers } from "@tabler/icons-react";
import { lazy, Suspense } from "react";
import { Link } from "react-router";
import { notifyFailure } from "../ui/notify";
import classes from "./AccountMenu.module.css";
import { hasRole, useSession, useSignOut } from "./session";

// Seldom opened, and brings the form library: not part of what the first page loads.
const ChangePassword = lazy(() => import("./ChangePassword"));

export default function AccountMenu({ isWide = false }: { isWide?: boolean }) {
  const session = useSession();
  const signOut = useSignOut();
  const [isChanging, changing] = useDisclosure(false);
  if (session === null) return null;
  const { user } = session;
  return (
    <>
      <Menu position={isWide ? "top-start" : "bottom-end"} width={220} shadow="md">
        <Menu.Target>
          <UnstyledButton className={classes.account}>
            <Avatar size={32} radius="xl" color="petrol" name={user.name} aria-hidden="true" />
            {isWide ? (
              <span className={classes.who}>
                <Text span fw={600} size="sm" truncate>
                  {user.name}
                </Text>
                <Text span size="xs" c="dimmed">
                  {user.role}
                </Text>
              </span>
            ) : (
              <VisuallyHidden>{user.name}</VisuallyHidden>
            )}
            <VisuallyHidden>, account menu</VisuallyHidden>
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>
            {user.name}, {user.role}
          </Menu.Label>
          {hasRole(user, "admin") && (
            <>
              <Menu.Item component={Link} to="/users" leftSection={<IconUsers size={16} />}>
                Users
              </Menu.Item>
              <Menu.Item component={Link} to="/api-keys" leftSection={<IconKey size={16} />}>
                API keys
              </Menu.Item>
            </>
          )}
          <Menu.Item leftSection={<IconPassword size={16} />} onClick={changing.open}>
            Change password
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item
            leftSection={<IconLogout size={16} />}
            onClick={() => {
              signOut.mutate(undefined, { onError: notifyFailure });
            }}
          >
            Sign out
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {isChanging && (
        <Suspense>
          <ChangePassword userName={user.name} onClose={changing.close} />
        </Suspense>
      )}
    </>
  );
}
