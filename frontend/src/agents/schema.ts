/**
 * The agent's JSON schema as the form reads it: the fields with their limits, units, defaults and help. A path joins the
 * names with dots, `settings.dead_air_settings.final_wait`, as the API does in its errors.
 */
import agentSchema from "../wire/agent-schema.json";
import type { AgentConfig } from "./agents";

/** What we use of JSON Schema. Texts of the schema are the backend's own, never a caller's. */
export interface FieldSchema {
  type?: string;
  title?: string;
  description?: string;
  unit?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
  pattern?: string;
  examples?: unknown[];
  enum?: string[];
  items?: FieldSchema;
  properties?: Record<string, FieldSchema>;
  required?: string[];
  $ref?: string;
}

const ROOT = agentSchema as FieldSchema & { $defs: Record<string, FieldSchema> };

/** The schema itself where it only refers to one; its own words (title, default) go before those it refers to. */
export function resolved(schema: FieldSchema): FieldSchema {
  if (schema.$ref === undefined) return schema;
  const { $ref, ...own } = schema;
  const target = ROOT.$defs[$ref.replace("#/$defs/", "")];
  if (target === undefined) throw new Error(`the schema has no ${$ref}`);
  return { ...resolved(target), ...own };
}

/** The field at `path`; an index stands for any item of a list. Undefined where there is none. */
export function fieldAt(path: string): FieldSchema | undefined {
  let schema: FieldSchema | undefined = ROOT;
  for (const name of path.split(".")) {
    schema = resolved(schema);
    schema = /^\d+$/.test(name) ? schema.items : schema.properties?.[name];
    if (schema === undefined) return undefined;
  }
  return resolved(schema);
}

/** The field at a path that the form itself names. */
export function knownField(path: string): FieldSchema {
  const field = fieldAt(path);
  if (field === undefined) throw new Error(`the schema has no field ${path}`);
  return field;
}

/** The paths of all fields in the schema's order. A list is one field. */
export function fieldPaths(schema: FieldSchema = ROOT, prefix = ""): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const field = resolved(property);
    const path = prefix + name;
    return field.type === "object" ? fieldPaths(field, `${path}.`) : [path];
  });
}

/** An agent of which nothing is said yet. */
export function defaultConfig(): AgentConfig {
  return defaultOf(ROOT) as AgentConfig;
}

/** The value of a field nobody has filled in. Always a new one. */
export function defaultOf(schema: FieldSchema): unknown {
  const field = resolved(schema);
  if (field.type === "object") {
    const properties = Object.entries(field.properties ?? {});
    return Object.fromEntries(properties.map(([name, property]) => [name, defaultOf(property)]));
  }
  if (field.default !== undefined) return structuredClone(field.default);
  return field.type === "array" ? [] : "";
}

/** The value at a path, undefined where there is none. */
export function valueAt(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((inner, name) => (isRecord(inner) ? inner[name] : undefined), value);
}

/** A copy of `config` in which the field at `path` is `value`. */
export function withValue<T>(config: T, path: string, value: unknown): T {
  const [name = "", ...rest] = path.split(".");
  const record = config as Record<string, unknown>;
  return { ...record, [name]: rest.length === 0 ? value : withValue(record[name], rest.join("."), value) } as T;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
