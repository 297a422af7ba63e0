/** Rehearsals: their list, one to read and edit, and one run. */
import type { RouteObject } from "react-router";

export const rehearsalsRoutes: RouteObject[] = [
  { path: "/rehearsals", lazy: () => import("./RehearsalsPage") },
  { path: "/rehearsals/new", lazy: () => import("./NewRehearsalPage") },
  { path: "/rehearsals/runs/:runId", lazy: () => import("./RunPage") },
  { path: "/rehearsals/:name", lazy: () => import("./RehearsalPage") },
];
