/** A link that looks like a button: opens in a new tab, can be copied, and reads as a link. */
import { Button, type ButtonProps } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";

interface Props extends ButtonProps {
  to: string;
  children: ReactNode;
}

export function LinkButton({ to, children, ...rest }: Props) {
  return (
    <Button component={Link} to={to} {...rest}>
      {children}
    </Button>
  );
}
