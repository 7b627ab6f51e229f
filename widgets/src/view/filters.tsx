// Ways to narrow the list, and what else is on the page.

import "./filters.css";
import type { JSX } from "preact";
import type { State } from "../state.js";
import { Either } from "./controls.js";
import type { Choice } from "./controls.js";
import { Icon } from "./icons.js";

export function Filters({ state }: { state: State }): JSX.Element {
  const choices: Choice[] = (
    [
      ["all", "All", "every execution"],
      ["line", "On this line", "what led to where the kernel stands"],
      ["attention", "Needs you", "failed, waiting, in doubt or stale"],
    ] as const
  ).map(([show, label, title]) => ({ label, title, on: state.show === show, choose: () => state.set({ show }) }));
  return (
    <div class="db-filters">
      <Either label="Show" choices={choices} />
      <label class="db-search">
        <Icon name="search" />
        <input
          type="search"
          placeholder="Find a step"
          aria-label="Find a step"
          value={state.search}
          onInput={(event) => state.set({ search: event.currentTarget.value })}
        />
      </label>
      <button
        class="db-tool"
        aria-pressed={state.follow}
        title="Keep the latest execution in view"
        aria-label="Follow the latest"
        onClick={() => state.set({ follow: !state.follow })}
      >
        <Icon name="follow" />
      </button>
      <button
        class="db-tool"
        aria-pressed={state.inspecting}
        title="Show the inspector"
        aria-label="Show the inspector"
        onClick={() => state.set({ inspecting: !state.inspecting })}
      >
        <Icon name="panel" />
      </button>
    </div>
  );
}
