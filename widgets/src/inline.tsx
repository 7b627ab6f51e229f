// A question where it is asked: in the output of the cell.

import "./view/tokens.css";
import "./view/app.css";
import "./view/controls.css";
import "./inline.css";
import { render as renderTree } from "preact";
import type { JSX } from "preact";
import type { Asked } from "./data.js";
import { keepKeys } from "./keys.js";
import { token } from "./link.js";
import type { Model } from "./link.js";
import { useTicking } from "./view/hooks.js";
import { Question } from "./view/question.js";

interface View {
  model: Model;
  el: HTMLElement;
}

type Said = { result?: string; error?: string };

/** What Python says: to an answer, or of itself why one was not taken. */
interface Message extends Said {
  id?: string;
  problem?: string;
}

function Inline({ asked, problem, send }: { asked: Asked; problem: string; send(value: unknown, why: string): Promise<string> }): JSX.Element {
  useTicking((asked.until ?? 0) > 0, 1000);
  return (
    <div class="db-app db-inline">
      <Question asked={asked} now={Date.now() * 1000} send={send} />
      {problem && (
        <p class="db-problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

export default {
  render({ model, el }: View): () => void {
    const gone = new AbortController();
    const waiting = new Map<string, (said: Said) => void>();
    const asked = model.get("asked") as Asked;
    const send = (value: unknown, why: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const id = token();
        waiting.set(id, ({ result, error }) => (error === undefined ? resolve(result ?? "") : reject(new Error(error))));
        model.send({ id, value, why });
      });
    const show = (problem: string): void => renderTree(<Inline asked={asked} problem={problem} send={send} />, el);
    const heard = (message: Message): void => {
      if (message.problem !== undefined) show(message.problem);
      if (message.id === undefined) return;
      waiting.get(message.id)?.(message);
      waiting.delete(message.id);
    };
    model.on("msg:custom", heard);
    el.classList.add("db-root");
    show("");
    keepKeys(el, gone.signal);
    model.send({ shown: true });
    return () => {
      gone.abort();
      model.off("msg:custom", heard);
      renderTree(null, el);
    };
  },
};
