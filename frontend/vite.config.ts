/**
 * How the console is built, served while it is worked on, and tested.
 *
 * Fonts and styles are files of our own: the page asks no other host for anything, and its Content-Security-Policy can
 * say so. `npm run dev` hands /api and the WebSockets on to a running `make up` (OFFHOOK_URL).
 */
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { agentValidator } from "./agentValidator.ts";

const backend = process.env["OFFHOOK_URL"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react(), agentValidator()],
  build: {
    // Nothing inlined: `data:` need not be allowed for scripts or fonts.
    assetsInlineLimit: 0,
    // What the first page loads, for tests/console/test_budget.py.
    manifest: true,
    target: "es2022",
  },
  server: { proxy: { "^/api/": { target: backend, ws: true } } },
  test: {
    environment: "jsdom",
    setupFiles: ["src/ui/testing/setup.ts"],
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
    testTimeout: 30_000,
  },
});
