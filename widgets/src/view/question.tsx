// A question to a person, with the form that answers it: in the notebook and in the timeline.

import "./question.css";
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import type { Asked } from "../data.js";
import { took } from "../format.js";
import { timeOf } from "../looks.js";
import { complete, control, initial, options, parse, read, shown } from "../schemas.js";
import type { Schema } from "../schemas.js";
import { Field } from "./fields.js";
import { Icon } from "./icons.js";

interface Props {
  asked: Asked;
  /** The time, in microseconds: a question may have a deadline. */
  now: number;
  /** Gives the answer; says what became of it, or rejects with a sentence. */
  send(value: unknown, why: string): Promise<string>;
}

export function Question({ asked, now, send }: Props): JSX.Element {
  const [said, setSaid] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const [why, setWhy] = useState("");
  const [reasoned, setReasoned] = useState(false);
  const until = asked.until ?? 0;
  const answer = (value: unknown): void => {
    setBusy(true);
    send(value, why.trim())
      .then(
        (message) => {
          setProblem("");
          setSaid(message);
        },
        (error: Error) => {
          setSaid("");
          setProblem(error.message);
        },
      )
      .finally(() => setBusy(false));
  };
  const Form = asked.approves ? Approve : asked.schema ? Answer : Anything;
  return (
    <div class="db-form" aria-busy={busy}>
      <p class="db-asks">
        <Icon name="wait" />
        <span>{asked.text}</span>
        {until > 0 && <small class="db-until">{until > now ? `by ${timeOf(until, now)}, in ${took(until - now)}` : "the time is over"}</small>}
      </p>
      <Form asked={asked} answer={answer} busy={busy}>
        {reasoned ? (
          <input
            type="text"
            class="db-whybox"
            aria-label="Why"
            placeholder="Why? It is recorded with the answer."
            value={why}
            onInput={(event) => setWhy(event.currentTarget.value)}
          />
        ) : (
          <button type="button" class="db-link" onClick={() => setReasoned(true)}>
            say why
          </button>
        )}
      </Form>
      {problem && (
        <p class="db-problem" role="alert">
          {problem}
        </p>
      )}
      {said && (
        <p class="db-done" role="status">
          {said}
        </p>
      )}
    </div>
  );
}

interface FormProps {
  asked: Asked;
  answer(value: unknown): void;
  busy: boolean;
  /** What stands beside the buttons. */
  children: ComponentChildren;
}

/** Buttons up to this many answer at once. */
const AT_ONCE = 6;

/** What a schema takes. A yes or no, or one of a few, is answered by the button that says it. */
function Answer({ asked, answer, busy, children }: FormProps): JSX.Element {
  const schema = asked.schema as Schema;
  const [held, setHeld] = useState(() => initial(schema, asked.has_default ? asked.default : schema["default"]));
  const kind = control(schema);
  const choices = kind === "yesno" ? [true, false] : kind === "one" ? options(schema) : [];
  if (choices.length > 0 && choices.length <= AT_ONCE)
    return (
      <div class="db-answers">
        {choices.map((each) => (
          <button
            type="button"
            disabled={busy}
            class={`db-button ${asked.has_default && each === asked.default ? "db-primary" : ""}`}
            onClick={() => answer(each)}
          >
            {kind === "yesno" ? (each ? "Yes" : "No") : shown(each)}
          </button>
        ))}
        {children}
      </div>
    );
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        answer(read(schema, held));
      }}
    >
      <Field schema={schema} held={held} set={setHeld} label={asked.text} />
      <div class="db-answers">
        <button type="submit" class="db-button db-primary" disabled={busy || !complete(schema, held)}>
          Answer
        </button>
        {children}
      </div>
    </form>
  );
}

/** Text, or JSON where it is JSON. */
function Anything({ asked, answer, busy, children }: FormProps): JSX.Element {
  const [text, setText] = useState(() => (asked.has_default ? shown(asked.default) : ""));
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        answer(parse(text));
      }}
    >
      <div class="db-answers">
        <input type="text" aria-label="Your answer" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        <button type="submit" class="db-button db-primary" disabled={busy || text === ""}>
          Answer
        </button>
        <button type="button" class="db-button" disabled={busy} onClick={() => answer(true)}>
          Yes
        </button>
        <button type="button" class="db-button" disabled={busy} onClick={() => answer(false)}>
          No
        </button>
      </div>
      {children}
    </form>
  );
}

/** A payload, shown whole, to be approved as it is, edited, or denied. */
function Approve({ asked, answer, busy, children }: FormProps): JSX.Element {
  const schema = (asked.schema ?? {}) as Schema;
  const [edits, setEdits] = useState(false);
  const [held, setHeld] = useState(() => initial(schema, asked.payload));
  const button = (name: string, value: unknown, primary = false): JSX.Element => (
    <button type="button" class={`db-button ${primary ? "db-primary" : ""}`} disabled={busy} onClick={() => answer(value)}>
      {name}
    </button>
  );
  return (
    <>
      {edits ? <Field schema={schema} held={held} set={setHeld} label={asked.text} /> : <Payload value={asked.payload} />}
      <div class="db-answers">
        {edits ? button("Approve as edited", { edit: read(schema, held) }, true) : button("Approve", "approve", true)}
        <button type="button" class="db-button" disabled={busy} onClick={() => setEdits(!edits)}>
          {edits ? "Back" : "Edit"}
        </button>
        {!edits && button("Deny", "deny")}
        {children}
      </div>
    </>
  );
}

function Payload({ value }: { value: unknown }): JSX.Element {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return (
      <div class="db-payload db-facts">
        {Object.entries(value).map(([name, each]) => (
          <>
            <span>{name}</span>
            <span>{typeof each === "object" && each !== null ? <pre>{JSON.stringify(each, null, 2)}</pre> : shown(each)}</span>
          </>
        ))}
      </div>
    );
  return <pre class="db-payload">{typeof value === "string" ? value : JSON.stringify(value, null, 2)}</pre>;
}
