/** The table of contents of the console. Every page is loaded when it is first opened; a folder's own routes stand in it. */
import type { RouteObject } from "react-router";
import { Navigate } from "react-router";
import { accessRoutes } from "./access/routes";
import { agentsRoutes } from "./agents/routes";
import { callsRoutes } from "./calls/routes";
import { liveRoutes } from "./live/routes";
import { rehearsalsRoutes } from "./rehearsals/routes";
import { talkRoutes } from "./talk/routes";
import { Fallback } from "./ui/Fallback";
import { NotFound } from "./ui/NotFound";
import { RouteError } from "./ui/RouteError";
import { SignedIn } from "./ui/SignedIn";

export const routes: RouteObject[] = [
  {
    HydrateFallback: Fallback,
    ErrorBoundary: RouteError,
    children: [
      { path: "/sign-in", lazy: () => import("./access/SignInPage") },
      {
        Component: SignedIn,
        children: [
          {
            ErrorBoundary: RouteError,
            children: [
              { index: true, element: <Navigate to="/calls" replace /> },
              ...callsRoutes,
              ...liveRoutes,
              ...agentsRoutes,
              ...rehearsalsRoutes,
              ...talkRoutes,
              ...accessRoutes,
              { path: "*", Component: NotFound },
            ],
          },
        ],
      },
    ],
  },
];
