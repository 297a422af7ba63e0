/** Talking to an agent in the browser: choose one, then talk. */
import type { RouteObject } from "react-router";

export const talkRoutes: RouteObject[] = [
  { path: "/talk", lazy: () => import("./TalkPage") },
  { path: "/talk/:agentId", lazy: () => import("./TalkPage") },
];
