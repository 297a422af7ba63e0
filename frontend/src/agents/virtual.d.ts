/** What `agentValidator.ts`, beside vite.config.ts, makes of the agent's JSON schema. */
declare module "virtual:agent-validator" {
  import type { ErrorObject } from "ajv";

  interface Validate {
    (value: unknown): boolean;
    errors?: ErrorObject[] | null;
  }
  const validate: Validate;
  export default validate;
}
