/** What stands around every page: the look, the answers already read, and the router. */
import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense, useEffect } from "react";
import { createBrowserRouter, RouterProvider } from "react-router";
import { forgetSession } from "./access/session";
import { routes } from "./routes";
import { theme } from "./ui/theme";
import { onSignedOut } from "./wire/client";
import { newQueryClient } from "./wire/queries";

const Notices = lazy(() => import("./ui/Notices"));

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
        <Suspense>
          <Notices />
        </Suspense>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}
