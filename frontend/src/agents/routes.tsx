/** The agents: their list, the form, and what they were before. */
import type { RouteObject } from "react-router";

export const agentsRoutes: RouteObject[] = [
  { path: "/agents", lazy: () => import("./AgentsPage") },
  { path: "/agents/new", lazy: () => import("./NewAgentPage") },
  { path: "/agents/:agentId", lazy: () => import("./AgentPage") },
  { path: "/agents/:agentId/versions", lazy: () => import("./VersionsPage") },
];
