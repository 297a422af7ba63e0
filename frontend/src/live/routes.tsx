/** Running calls: their list and one of them. */
import type { RouteObject } from "react-router";

export const liveRoutes: RouteObject[] = [
  { path: "/live", lazy: () => import("./LivePage") },
  { path: "/live/:callControlId", lazy: () => import("./LiveCallPage") },
];
