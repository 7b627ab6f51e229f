// The fields of a form: one control for each thing that a schema asks for.

import "./fields.css";
import type { JSX } from "preact";
import { control, initial, isRequired, options, plain, properties, shown, titleOf } from "../schemas.js";
import type { Schema } from "../schemas.js";

interface Props {
  schema: Schema;
  held: unknown;
  set(held: unknown): void;
  label?: string;
}

/** Options up to this many are all in sight. */
const IN_SIGHT = 6;

export function Field({ schema: given, held, set, label }: Props): JSX.Element {
  const { schema, nullable } = plain(given);
  const about = schema["description"] as string | undefined;
  switch (control(given)) {
    case "fields":
      return <Fields schema={given} held={held} set={set} />;
    case "yesno":
      return <Pick label={label} choices={[true, false]} names={["Yes", "No"]} held={held} set={set} />;
    case "one": {
      const all = options(given);
      if (all.length <= IN_SIGHT) return <Pick label={label} choices={all} held={held} set={set} />;
      return (
        <select aria-label={label} value={shown(held)} onChange={(event) => set(all[event.currentTarget.selectedIndex - 1] ?? "")}>
          <option value="">{nullable ? "none" : "choose…"}</option>
          {all.map((each) => (
            <option value={shown(each)}>{shown(each)}</option>
          ))}
        </select>
      );
    }
    case "several": {
      const chosen = held as unknown[];
      return (
        <div class="db-several" role="group" aria-label={label}>
          {options(given).map((each) => (
            <label class="db-check">
              <input
                type="checkbox"
                checked={chosen.includes(each)}
                onChange={(event) =>
                  set(event.currentTarget.checked ? [...chosen, each] : chosen.filter((other) => other !== each))
                }
              />
              {shown(each)}
            </label>
          ))}
        </div>
      );
    }
    case "number":
      return (
        <input
          type="number"
          aria-label={label}
          placeholder={bounds(schema)}
          step={schema["type"] === "integer" ? 1 : "any"}
          min={schema["minimum"] as number | undefined}
          max={schema["maximum"] as number | undefined}
          value={String(held)}
          onInput={(event) => set(event.currentTarget.value)}
        />
      );
    case "date":
      return <Typed type="date" label={label} held={held} set={set} />;
    case "time":
      return <Typed type="time" label={label} held={held} set={set} />;
    case "datetime":
      return <Typed type="datetime-local" label={label} held={held} set={set} />;
    case "lines":
      return <Long label={label} held={held} set={set} placeholder="one a line" />;
    case "json":
      return <Long label={label} held={held} set={set} placeholder={about ?? "JSON, or else text"} mono />;
    default:
      return <Long label={label} held={held} set={set} line />;
  }
}

/** A form of named fields, each with what is said of it. */
function Fields({ schema, held, set }: Props): JSX.Element {
  const values = held as Record<string, unknown>;
  return (
    <div class="db-fields">
      {properties(schema).map(([name, each]) => {
        const about = plain(each).schema["description"] as string | undefined;
        const title = titleOf(name, each);
        return (
          <div class="db-fieldrow" key={name}>
            <span class="db-fieldname">
              {title}
              {!isRequired(schema, name) && <small> optional</small>}
            </span>
            <div>
              <Field
                schema={each}
                label={title}
                held={values[name] ?? initial(each)}
                set={(value) => set({ ...values, [name]: value })}
              />
              {about && <small class="db-about">{about}</small>}
            </div>
          </div>
        );
      })}
    </div>
  );
}

interface PickProps {
  label: string | undefined;
  choices: unknown[];
  names?: string[];
  held: unknown;
  set(held: unknown): void;
}

/** One of a few, all of them in sight. */
const Pick = ({ label, choices, names, held, set }: PickProps): JSX.Element => (
  <div class="db-pick" role="group" aria-label={label}>
    {choices.map((each, i) => (
      <button type="button" aria-pressed={held === each} onClick={() => set(each)}>
        {names?.[i] ?? shown(each)}
      </button>
    ))}
  </div>
);

interface TypedProps {
  label: string | undefined;
  held: unknown;
  set(held: unknown): void;
}

type When = "date" | "time" | "datetime-local";

const Typed = ({ type, label, held, set }: TypedProps & { type: When }): JSX.Element => (
  <input type={type} aria-label={label} value={String(held)} onInput={(event) => set(event.currentTarget.value)} />
);

interface LongProps extends TypedProps {
  placeholder?: string;
  mono?: boolean;
  /** Whether it is one line as a rule. */
  line?: boolean;
}

/** A text that grows with what is in it. */
function Long({ label, held, set, placeholder, mono, line }: LongProps): JSX.Element {
  const text = String(held);
  const rows = Math.min(16, Math.max(1, text.split("\n").length + Math.floor(text.length / 90)));
  return (
    <textarea
      class={mono ? "db-mono" : ""}
      aria-label={label}
      rows={rows}
      placeholder={placeholder}
      value={text}
      onInput={(event) => set(event.currentTarget.value)}
      onKeyDown={(event) => {
        // One line is answered by Enter; where there may be several, by Ctrl+Enter.
        if (event.key !== "Enter" || event.shiftKey || (!line && !event.ctrlKey && !event.metaKey)) return;
        event.preventDefault();
        event.currentTarget.form?.requestSubmit();
      }}
    />
  );
}

function bounds(schema: Schema): string {
  const { minimum: from, maximum: to } = schema as { minimum?: number; maximum?: number };
  if (from !== undefined && to !== undefined) return `${from} to ${to}`;
  if (from !== undefined) return `${from} or more`;
  return to !== undefined ? `up to ${to}` : "";
}
