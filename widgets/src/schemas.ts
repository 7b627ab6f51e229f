// What a JSON schema asks a person for: which control, what it begins with, what is sent.
// References are followed by Python, which also has the last word on what fits.

export type Schema = Record<string, unknown>;

export type Control = "yesno" | "one" | "several" | "number" | "text" | "date" | "datetime" | "time" | "fields" | "lines" | "json";

/** The schema without "or nothing", and whether nothing will do. */
export function plain(schema: Schema): { schema: Schema; nullable: boolean } {
  const ways = (schema["anyOf"] ?? schema["oneOf"]) as Schema[] | undefined;
  if (!ways) return { schema, nullable: false };
  const rest = ways.filter((way) => way["type"] !== "null");
  const nullable = rest.length < ways.length;
  const about = { ...schema };
  delete about["anyOf"];
  delete about["oneOf"];
  return rest.length === 1 ? { schema: { ...rest[0], ...about }, nullable } : { schema: { ...about, ways: rest }, nullable };
}

const FORMATS: Record<string, Control> = { date: "date", "date-time": "datetime", time: "time" };

export function control(given: Schema): Control {
  const { schema } = plain(given);
  if (Array.isArray(schema["enum"])) return "one";
  switch (schema["type"]) {
    case "boolean":
      return "yesno";
    case "integer":
    case "number":
      return "number";
    case "string":
      return FORMATS[String(schema["format"])] ?? "text";
    case "object":
      return schema["properties"] ? "fields" : "json";
    case "array": {
      const items = plain((schema["items"] ?? {}) as Schema).schema;
      if (Array.isArray(items["enum"])) return "several";
      return items["type"] === "string" && !items["format"] ? "lines" : "json";
    }
    default:
      return "const" in schema ? "one" : "json";
  }
}

/** What there is to choose from. */
export function options(given: Schema): unknown[] {
  const { schema } = plain(given);
  if ("const" in schema) return [schema["const"]];
  const of = control(given) === "several" ? plain(schema["items"] as Schema).schema : schema;
  return of["enum"] as unknown[];
}

export const properties = (given: Schema): [string, Schema][] =>
  Object.entries((plain(given).schema["properties"] ?? {}) as Record<string, Schema>);

export const isRequired = (given: Schema, name: string): boolean =>
  ((plain(given).schema["required"] ?? []) as string[]).includes(name);

/** What a control holds at first: `given` where there is something to begin with. */
export function initial(schema: Schema, given: unknown = schema["default"]): unknown {
  switch (control(schema)) {
    case "fields": {
      const from = (given ?? {}) as Record<string, unknown>;
      return Object.fromEntries(
        properties(schema).map(([name, each]) => [name, initial(each, name in from ? from[name] : each["default"])]),
      );
    }
    case "several":
      return given ?? [];
    case "lines":
      return ((given ?? []) as string[]).join("\n");
    case "json":
      return given === undefined ? "" : JSON.stringify(given, null, 2);
    case "number":
      return given === undefined || given === null ? "" : String(given);
    default:
      return given ?? "";
  }
}

/** Nothing was given, which is left to Python to fill in or to complain of. */
export const MISSING = Symbol("missing");

/** The value that a control stands for, as JSON; `MISSING` where nothing was given. */
export function read(schema: Schema, held: unknown): unknown {
  const none = plain(schema).nullable ? null : MISSING;
  switch (control(schema)) {
    case "fields": {
      const all = properties(schema).map(([name, each]) => [name, read(each, (held as Schema)[name])] as const);
      return Object.fromEntries(all.filter(([name, value]) => value !== MISSING && (value !== null || isRequired(schema, name))));
    }
    case "lines":
      return String(held)
        .split("\n")
        .map((line) => line.trim())
        .filter(Boolean);
    case "number":
      return held === "" ? none : Number(held);
    case "json":
      return held === "" ? none : parse(String(held));
    case "text":
      return held === "" && plain(schema).nullable ? null : held;
    default:
      return held === "" ? none : held;
  }
}

/** Text that is JSON is that, any other is text. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Whether all is there that has to be. */
export function complete(schema: Schema, held: unknown): boolean {
  if (control(schema) === "fields")
    return properties(schema).every(([name, each]) => !isRequired(schema, name) || complete(each, (held as Schema)[name]));
  const value = read(schema, held);
  return value !== MISSING && !(control(schema) === "text" && value === "");
}

/** How an option or a value reads. */
export const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** What a field is called. */
export const titleOf = (name: string, schema: Schema): string =>
  (plain(schema).schema["title"] as string | undefined) ?? name.replaceAll("_", " ");
