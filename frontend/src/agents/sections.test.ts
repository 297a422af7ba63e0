/** agents/sections.ts, and what the form needs the schema to say. */
import { expect, test } from "vitest";
import { fieldPaths, knownField } from "./schema";
import { SECTIONS, withTheRest } from "./sections";

test("every field of the schema stands in exactly one section", () => {
  const placed = SECTIONS.flatMap((section) => section.fields);

  expect([...placed].sort()).toEqual(fieldPaths().sort());
});

test.each(fieldPaths())("%s has a title, help, and a default", (path) => {
  const field = knownField(path);

  expect(field.title).toBeTruthy();
  expect(field.description).toBeTruthy();
  expect(path === "name" || field.default !== undefined).toBe(true);
  if (path.endsWith("_s")) expect(field.unit).toBe("s");
});

test("a setting that nobody has given a place is shown at the end", () => {
  const sections = withTheRest([{ id: "a", title: "A", about: "", fields: ["name"] }], ["name", "new_one"]);

  expect(sections.map((section) => section.fields)).toEqual([["name"], ["new_one"]]);
});
