/** Who may use this installation: its users and its API keys. Admins only; the server refuses everybody else. */
import type { RouteObject } from "react-router";

export const accessRoutes: RouteObject[] = [
  { path: "/users", lazy: () => import("./UsersPage") },
  { path: "/api-keys", lazy: () => import("./KeysPage") },
];
