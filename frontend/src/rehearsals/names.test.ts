/** rehearsals/names.ts */
import { describe, expect, it } from "vitest";
import { nameIn, renamed } from "./names";

describe("the name in the text", () => {
  it("is found wherever the top-level field stands", () => {
    expect(nameIn('title: x\nname: "my_one" # mine\n')).toBe("my_one");
    expect(nameIn("agent: {name: x}\n  name: y\n")).toBeNull();
    expect(nameIn("name: two words")).toBeNull();
  });

  it("is replaced, and nothing else", () => {
    expect(renamed("name: a\nagent: {name: a}\n", "b")).toBe("name: b\nagent: {name: a}\n");
    expect(renamed("caller: []\n", "b")).toBe("name: b\ncaller: []\n");
  });
});
