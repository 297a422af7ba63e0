/** The agents: their list, the form, and what they were before. */
import type { RouteObject } from "react-router";

export const agentsRoutes: RouteObject[] = [
  { path: "/agents", lazy: () => import("./AgentsPage") },
];
