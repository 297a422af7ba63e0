/**
 * A Vite plugin: `virtual:agent-validator` is the agent's JSON schema, compiled by ajv while the console is built.
 *
 * Not in the browser, for two reasons: ajv compiles with `new Function`, which our Content-Security-Policy forbids, and
 * the compiled function is a tenth of ajv's size. It reads the committed schema, so it cannot disagree with the form.
 */
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { default as standalone } from "ajv/dist/standalone/index.js";
import type { Plugin } from "vite";

const NAME = "virtual:agent-validator";
const RESOLVED = `\0${NAME}`;
// A CommonJS module: Node gives its default export as a field.
const standaloneCode = (standalone as unknown as { default?: typeof standalone }).default ?? standalone;
const SCHEMA = new URL("./src/wire/agent-schema.json", import.meta.url);

export function agentValidator(): Plugin {
  return {
    name: "agent-validator",
    resolveId: (id) => (id === NAME ? RESOLVED : undefined),
    load(id) {
      if (id !== RESOLVED) return undefined;
      const ajv = new Ajv2020({
        allErrors: true,
        verbose: true,
        // `unit` and `examples` are for people.
        keywords: ["unit"],
        code: { source: true, esm: true },
      });
      const validate = ajv.compile(JSON.parse(readFileSync(SCHEMA, "utf-8")) as object);
      return withImports(standaloneCode(ajv, validate));
    },
  };
}

/** ajv's code asks for its two helpers with `require`, which a browser does not have. */
function withImports(code: string): string {
  const imports: string[] = [];
  const body = code.replace(/require\("([^"]+)"\)(\.default)?/g, (_, path: string, isDefault: string | undefined) => {
    const name = `helper${String(imports.length)}`;
    imports.push(`import ${name} from "${path}.js";`);
    return isDefault ? `(${name}.default ?? ${name})` : name;
  });
  return [...imports, body].join("\n");
}
