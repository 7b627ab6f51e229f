// A question that a step waits for, and the form that answers it.

import "./question.css";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Acts, Question } from "../data.js";
import type { State } from "../state.js";
import { Icon } from "./icons.js";

interface Props {
  question: Question;
  state: State;
  live: boolean;
}

export function Answer({ question, state, live }: Props): JSX.Element {
  const [text, setText] = useState("");
  const [said, setSaid] = useState("");
  const [failed, setFailed] = useState(false);
  const send = (value: unknown): void => {
    state.link.request<string>("act", { do: "answer", arguments: { number: question.call, value } satisfies Acts["answer"] }).then(
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
    <section class="db-notice db-tone-amber db-ask">
      <p>
        <Icon name="warning" /> <b>It waits for an answer:</b> {question.text}
      </p>
      {live && (
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
      )}
      {said && (
        <p class={failed ? "db-problem" : "db-done"} role="status">
          {said}
        </p>
      )}
    </section>
  );
}
