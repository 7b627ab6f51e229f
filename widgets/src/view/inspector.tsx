// A look into the selected execution.

import "./inspector.css";
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Detail, Row } from "../data.js";
import { look } from "../looks.js";
import type { State } from "../state.js";
import type { Intent } from "../verbs.js";
import { Attempts } from "./attempts.js";
import { Calls } from "./calls.js";
import { Code } from "./code.js";
import { useDetail, useTicking } from "./hooks.js";
import { Badge, StatusIcon } from "./marks.js";
import { Overview } from "./overview.js";
import { Values } from "./values.js";

const TABS = ["Overview", "Calls", "Values", "Code", "Attempts"] as const;
type Tab = (typeof TABS)[number];

interface Props {
  state: State;
  choose(intent: Intent): void;
}

export function Inspector({ state, choose }: Props): JSX.Element {
  const row = state.row();
  const { detail, error } = useDetail(state, row);
  const [tab, setTab] = useState<Tab>("Overview");
  const tabs = useRef<HTMLDivElement>(null);
  const shown = row && look(row, state.live);
  useTicking(state.live && (shown?.moves || row?.waits.some((wait) => wait.until > 0)) === true, 500);
  if (!row || !shown) return <aside class="db-inspector" aria-label="Inspector" />;

  const keyed = (event: KeyboardEvent): void => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = TABS[(TABS.indexOf(tab) + by + TABS.length) % TABS.length]!;
    setTab(next);
    tabs.current?.querySelector<HTMLElement>(`[data-tab="${next}"]`)?.focus();
  };

  return (
    <aside class="db-inspector" aria-label="Inspector">
      <div class="db-what">
        <StatusIcon look={shown} />
        <h2 title={row.step}>{row.step}</h2>
        <small>#{row.id}</small>
        <Badge look={shown} />
      </div>
      <div class="db-tabs" role="tablist" ref={tabs} onKeyDown={keyed}>
        {TABS.map((name) => (
          <button
            role="tab"
            data-tab={name}
            aria-selected={tab === name}
            tabIndex={tab === name ? 0 : -1}
            onClick={() => setTab(name)}
          >
            {name}
            {badge(name, row, detail)}
          </button>
        ))}
      </div>
      <div class="db-panel" role="tabpanel" aria-label={tab} tabIndex={0} key={`${row.id}-${tab}`}>
        {error && <p class="db-problem">{error}</p>}
        {detail && <Panel tab={tab} row={row} detail={detail} state={state} choose={choose} />}
        {!detail && !error && <p class="db-note">Looking it up…</p>}
      </div>
    </aside>
  );
}

function badge(tab: Tab, row: Row, detail: Detail | null): JSX.Element | null {
  const number = {
    Overview: 0,
    Calls: detail ? detail.calls.length + detail.calls_left : row.made,
    Values: detail ? detail.inputs.length + detail.outputs.length : 0,
    Code: 0,
    Attempts: row.attempts.length > 1 ? row.attempts.length : 0,
  }[tab];
  return number ? <small>{number}</small> : null;
}

interface PanelProps extends Props {
  tab: Tab;
  row: Row;
  detail: Detail;
}

function Panel({ tab, row, detail, state, choose }: PanelProps): JSX.Element {
  switch (tab) {
    case "Overview":
      return <Overview row={row} detail={detail} state={state} choose={choose} />;
    case "Calls":
      return <Calls detail={detail} state={state} />;
    case "Values":
      return <Values detail={detail} state={state} />;
    case "Code":
      return <Code detail={detail} />;
    case "Attempts":
      return <Attempts detail={detail} />;
  }
}
