/** What each role may do. */
import { Text, Title } from "@mantine/core";
import classes from "./RoleList.module.css";
import { ROLE_HELP, ROLES } from "./session";

export function RoleList() {
  return (
    <section className={classes.roles} aria-labelledby="roles">
      <Title order={2} size="h3" id="roles">
        What each role may do
      </Title>
      <dl className={classes.list}>
        {ROLES.map((role) => (
          <div key={role}>
            <Text component="dt" fw={600}>
              {role}
            </Text>
            <Text component="dd" c="dimmed" m={0}>
              {ROLE_HELP[role]}
            </Text>
          </div>
        ))}
      </dl>
    </section>
  );
}
