/** Rehearsals: the list, one rehearsal's text, and its runs. */
import type { RouteObject } from "react-router";

export const rehearsalsRoutes: RouteObject[] = [{ path: "/rehearsals", lazy: () => import("./RehearsalsPage") }];
