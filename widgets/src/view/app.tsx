// The page: the top bar, the tools, and below them the list beside the inspector.

import "./tokens.css";
import "./app.css";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { State } from "../state.js";
import type { Intent } from "../verbs.js";
import { Filters } from "./filters.js";
import { useChanges } from "./hooks.js";
import { Inspector } from "./inspector.js";
import { List } from "./list.js";
import { Popover } from "./popover.js";
import { Toolbar } from "./toolbar.js";
import { TopBar } from "./topbar.js";

export function App({ state }: { state: State }): JSX.Element {
  useChanges(state);
  const [intent, setIntent] = useState<Intent | null>(null);
  useEffect(() => void state.load(), [state]);
  return (
    <div class="db-app">
      <TopBar state={state} />
      <div class="db-tools">
        <Toolbar state={state} intent={intent} choose={setIntent} />
        <Filters state={state} />
        {intent && (
          <Popover
            key={`${intent.verb}-${intent.row?.id ?? intent.branch}`}
            state={state}
            intent={intent}
            close={() => setIntent(null)}
          />
        )}
      </div>
      <Body state={state} choose={setIntent} />
    </div>
  );
}

const LEAST = 0.25;
const MOST = 0.7;

function Body({ state, choose }: { state: State; choose(intent: Intent): void }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const [share, setShare] = useState(0.38);
  const resize = (by: number): void => setShare((now) => Math.min(MOST, Math.max(LEAST, now + by)));
  const drag = (event: PointerEvent): void => {
    const bar = event.currentTarget as HTMLElement;
    bar.setPointerCapture(event.pointerId);
    const move = (moved: PointerEvent): void => {
      const area = box.current!.getBoundingClientRect();
      setShare(Math.min(MOST, Math.max(LEAST, (area.right - moved.clientX) / area.width)));
    };
    const stop = (): void => {
      bar.removeEventListener("pointermove", move);
      bar.removeEventListener("pointerup", stop);
    };
    bar.addEventListener("pointermove", move);
    bar.addEventListener("pointerup", stop);
  };
  return (
    <div class="db-body" ref={box} style={{ "--db-share": `${share * 100}%` }}>
      <List state={state} />
      {state.inspecting && (
        <>
          <div
            class="db-split"
            role="separator"
            aria-orientation="vertical"
            aria-label="Width of the inspector"
            aria-valuenow={Math.round(share * 100)}
            tabIndex={0}
            onPointerDown={drag}
            onKeyDown={(event) => {
              if (event.key === "ArrowLeft") resize(0.03);
              if (event.key === "ArrowRight") resize(-0.03);
            }}
          />
          <Inspector state={state} choose={choose} />
        </>
      )}
    </div>
  );
}
