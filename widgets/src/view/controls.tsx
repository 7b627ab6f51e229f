// Small controls that several components share.

import "./controls.css";
import type { ComponentChildren, JSX } from "preact";
import type { State } from "../state.js";

export interface Choice {
  label: string;
  on: boolean;
  choose(): void;
  off?: boolean;
  title?: string;
}

/** One of a few, all of them in sight. */
export const Either = ({ label, choices }: { label: string; choices: Choice[] }): JSX.Element => (
  <div class="db-choice" role="group" aria-label={label}>
    {choices.map(({ label: text, on, choose, off, title }) => (
      <button aria-pressed={on} disabled={off ?? false} title={title} onClick={choose}>
        {text}
      </button>
    ))}
  </div>
);

interface CheckProps {
  on: boolean;
  set(on: boolean): void;
  children: ComponentChildren;
}

export const Check = ({ on, set, children }: CheckProps): JSX.Element => (
  <label class="db-check">
    <input type="checkbox" checked={on} onChange={(event) => set(event.currentTarget.checked)} />
    {children}
  </label>
);

/** A link to another execution. */
export const Jump = ({ state, id, text }: { state: State; id: number; text: string }): JSX.Element => (
  <button class="db-link" onClick={() => state.select(id)}>
    {text}
  </button>
);
