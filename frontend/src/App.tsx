/** What stands around every page: the look, the answers already read, and the router. */
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { useEffect } from "react";
import { createBrowserRouter, RouterProvider } from "react-router";
import { forgetSession } from "./access/session";
import { routes } from "./routes";
import { theme } from "./ui/theme";
import { onSignedOut } from "./wire/client";
import { newQueryClient } from "./wire/queries";

const queries = newQueryClient();
const router = createBrowserRouter(routes);

export function App() {
  useEffect(
    () =>
      onSignedOut(() => {
        forgetSession(queries);
      }),
    [],
  );
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <Notifications position="bottom-right" />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}
