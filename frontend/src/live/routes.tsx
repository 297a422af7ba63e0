/** Running calls: all of them, and one to watch. */
import type { RouteObject } from "react-router";

export const liveRoutes: RouteObject[] = [{ path: "/live", lazy: () => import("./LivePage") }];
