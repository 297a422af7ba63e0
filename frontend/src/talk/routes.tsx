/** Talking to an agent in the browser. */
import type { RouteObject } from "react-router";

export const talkRoutes: RouteObject[] = [{ path: "/talk", lazy: () => import("./TalkPage") }];
