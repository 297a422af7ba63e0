/** Finished calls: their list and one call. */
import type { RouteObject } from "react-router";

export const callsRoutes: RouteObject[] = [
  { path: "/calls", lazy: () => import("./CallsPage") },
  { path: "/calls/:callControlId", lazy: () => import("./CallPage") },
];
