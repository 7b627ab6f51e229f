// What a step waits for, and the form that answers a question.

import "./waiting.css";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Acts, OpenCall, Row } from "../data.js";
import { awaited, remaining } from "../looks.js";
import type { State } from "../state.js";
import { Icon } from "./icons.js";

interface Props {
  wait: OpenCall;
  row: Row;
  state: State;
}

/** A step that still holds its kernel is answered where it asks: in its cell. */
export function Waiting({ wait, row, state }: Props): JSX.Element {
  const left = remaining(wait, state.now());
  const inCell = wait.kind === "ask" && row.status === "running";
  return (
    <section class="db-notice db-tone-amber db-waiting">
      <p>
        <Icon name="wait" /> <b>It waits for {awaited(wait)}{left && `, in ${left}`}{inCell && ", in its cell"}:</b> {wait.text}
      </p>
      {wait.kind === "ask" && state.live && !inCell && <Answer call={wait.call} state={state} />}
    </section>
  );
}

function Answer({ call, state }: { call: number; state: State }): JSX.Element {
  const [text, setText] = useState("");
  const [said, setSaid] = useState("");
  const [failed, setFailed] = useState(false);
  const send = (value: unknown): void => {
    const given: Acts["answer"] = { number: call, value };
    state.link.request<string>("act", { do: "answer", arguments: given }).then(
      (message) => {
        setFailed(false);
        setSaid(message);
      },
      (error: Error) => {
        setFailed(true);
        setSaid(error.message);
      },
    );
  };
  const typed = (): unknown => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return text; // not JSON: the answer is the text itself
    }
  };
  return (
    <>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          send(typed());
        }}
      >
        <input type="text" aria-label="Your answer" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        <button class="db-button db-primary" type="submit" disabled={text === ""}>
          Answer
        </button>
        <button class="db-button" type="button" onClick={() => send(true)}>
          Yes
        </button>
        <button class="db-button" type="button" onClick={() => send(false)}>
          No
        </button>
      </form>
      {said && (
        <p class={failed ? "db-problem" : "db-done"} role="status">
          {said}
        </p>
      )}
    </>
  );
}
