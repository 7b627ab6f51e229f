// What a step waits for; a question with the form that answers it.

import "./waiting.css";
import type { JSX } from "preact";
import type { Acts, Asked, OpenCall } from "../data.js";
import { awaited, remaining } from "../looks.js";
import type { State } from "../state.js";
import { Icon } from "./icons.js";
import { Question } from "./question.js";

interface Props {
  wait: OpenCall;
  /** All that is known of the question, where it is one. */
  asked: Asked | undefined;
  state: State;
}

export function Waiting({ wait, asked, state }: Props): JSX.Element {
  const left = remaining(wait, state.now());
  return (
    <section class="db-notice db-tone-amber db-waiting">
      {asked && state.live ? (
        <Question asked={asked} now={state.now()} send={(value, why) => answer(state, wait.call, value, why)} />
      ) : (
        <p>
          <Icon name="wait" /> <b>It waits for {awaited(wait)}{left && `, for ${left} more`}:</b> {wait.text}
        </p>
      )}
    </section>
  );
}

function answer(state: State, call: number, value: unknown, why: string): Promise<string> {
  const given: Acts["answer"] = { number: call, value, why };
  return state.link.request<string>("act", { do: "answer", arguments: given });
}
