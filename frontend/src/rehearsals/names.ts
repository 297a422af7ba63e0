/** The name that stands in the text of a rehearsal. Pure. */

const NAME_LINE = /^name:[ \t]*["']?([A-Za-z0-9_-]{1,60})["']?[ \t]*(#.*)?$/m;

/** null where there is none that could be one. */
export function nameIn(yaml: string): string | null {
  return NAME_LINE.exec(yaml)?.[1] ?? null;
}

/** The same text under another name. */
export function renamed(yaml: string, name: string): string {
  const line = `name: ${name.slice(0, 60)}`;
  return NAME_LINE.test(yaml) ? yaml.replace(NAME_LINE, line) : `${line}\n${yaml}`;
}
