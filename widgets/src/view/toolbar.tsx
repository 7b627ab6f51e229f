// The buttons for what changes the notebook, and the branches to switch between.

import "./toolbar.css";
import type { JSX } from "preact";
import type { State } from "../state.js";
import { toneOfBranch } from "../tones.js";
import { BUTTONS } from "../verbs.js";
import type { Intent } from "../verbs.js";
import { Icon } from "./icons.js";

interface Props {
  state: State;
  intent: Intent | null;
  choose(intent: Intent | null): void;
}

export function Toolbar({ state, intent, choose }: Props): JSX.Element {
  const row = state.row();
  const dead = state.link.liveness === "lost";
  return (
    <div class="db-actions" role="toolbar" aria-label="Change the notebook">
      {state.link.liveness !== "file" &&
        BUTTONS.map(({ verb, label, title, off }) => {
          const why = dead ? "the kernel is not connected" : row ? off(row) : "select a step";
          return (
            <button
              class="db-action"
              data-verb={verb}
              disabled={why !== ""}
              title={why || title}
              aria-expanded={intent?.verb === verb}
              onClick={() => choose(intent?.verb === verb || !row ? null : { verb, row })}
            >
              <Icon name={verb} />
              {label}
            </button>
          );
        })}
      <Branches state={state} choose={choose} />
    </div>
  );
}

const MOST_BRANCHES = 4;

function Branches({ state, choose }: { state: State; choose(intent: Intent): void }): JSX.Element {
  const still = state.link.liveness !== "live";
  const { branches } = state;
  const latest = branches.slice(-MOST_BRANCHES + 1);
  const shown = branches.length > MOST_BRANCHES
    ? branches.filter((branch) => branch.name === state.branch || latest.includes(branch))
    : branches;
  return (
    <span class="db-branches" role="group" aria-label="Branches">
      <Icon name="fork" />
      {shown.map(({ name, parent }) => (
        <button
          class={`db-branch ${toneOfBranch(name, branches)}`}
          aria-current={name === state.branch}
          disabled={still || name === state.branch}
          title={name === state.branch ? `the kernel stands on ${name}` : `switch to ${name}${parent ? `, forked from ${parent}` : ""}`}
          onClick={() => choose({ verb: "switch", branch: name })}
        >
          {name}
        </button>
      ))}
      {shown.length < branches.length && <small>+{branches.length - shown.length}</small>}
    </span>
  );
}
