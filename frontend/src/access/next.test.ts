/** access/next.ts */
import { expect, test } from "vitest";
import { safeNext } from "./next";

test("an address of ours is kept whole", () => {
  expect(safeNext("/agents/demo?tab=voice#dead-air")).toBe("/agents/demo?tab=voice#dead-air");
});

test.each([null, "https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "agents", "/sign-in?next=/"])(
  "%s leads home and nowhere else",
  (wanted) => {
    expect(safeNext(wanted)).toBe("/calls");
  },
);
