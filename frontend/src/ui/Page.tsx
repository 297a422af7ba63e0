/** The frame of a page: its title (also the browser's), a line about it, what can be done, and the content. */
import { Anchor, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconChevronLeft } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import classes from "./Page.module.css";

interface Props {
  title: string;
  /** One line below the title. */
  about?: ReactNode;
  /** Buttons at the right; below the title on a phone. */
  actions?: ReactNode;
  /** The page above this one. */
  back?: { to: string; label: string };
  /** Content that needs the whole width. */
  isWide?: boolean;
  children: ReactNode;
}

export function Page({ title, about, actions, back, isWide = false, children }: Props) {
  useDocumentTitle(`${title} · Offhook`);
  return (
    <div className={classes.page} data-wide={isWide || undefined}>
      <header className={classes.header}>
        <div className={classes.heading}>
          {back && (
            <Anchor component={Link} to={back.to} size="sm" className={classes.back}>
              <IconChevronLeft size={15} aria-hidden="true" />
              {back.label}
            </Anchor>
          )}
          <Title order={1}>{title}</Title>
          {about !== undefined && (
            <Text component="div" c="dimmed" mt={4} maw="70ch">
              {about}
            </Text>
          )}
        </div>
        {actions !== undefined && <div className={classes.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}
