// What the whole history comes to.

import "./topbar.css";
import type { JSX } from "preact";
import { compact, count, money, took } from "../format.js";
import type { State } from "../state.js";

export function TopBar({ state }: { state: State }): JSX.Element {
  const totals = state.totals;
  const sums = totals?.ledger;
  const plus = sums && sums.unpriced > 0 ? "+" : "";
  const name = state.notebook.split(/[\\/]/).pop() || "timeline";
  return (
    <header class="db-top">
      <div class="db-title">
        <Mark />
        <div>
          <b title={state.notebook}>{name}</b>
          <Liveness state={state} />
        </div>
      </div>
      <div class="db-tiles">
        <Tile label="calls made" value={sums ? compact(sums.calls) : "–"} note={sums?.tokens ? `${compact(sums.tokens)} tokens` : ""} />
        <Tile label="spent" value={sums ? money(sums.cost) + plus : "–"} note={plus ? `${sums?.unpriced} unpriced` : "on models"} />
        <Tile label="calls saved" value={sums ? compact(sums.saved_calls) : "–"} note={sums?.saved_tokens ? `${compact(sums.saved_tokens)} tokens` : ""} good={!!sums?.saved_calls} />
        <Tile label="money saved" value={sums ? money(sums.saved_cost) : "–"} note={sums?.saved_seconds ? `and ${took(sums.saved_seconds * 1e6)}` : ""} good={!!sums?.saved_cost} />
        <Tile label="restarts survived" value={String(totals?.restarts ?? "–")} note={totals?.restarts ? "nothing lost" : ""} good={!!totals?.restarts} />
      </div>
    </header>
  );
}

function Tile({ label, value, note, good }: { label: string; value: string; note: string; good?: boolean }): JSX.Element {
  return (
    <div class={`db-tile ${good ? "db-good" : ""}`}>
      <span class="db-figure">
        {value} <small>{note}</small>
      </span>
      <small>{label}</small>
    </div>
  );
}

function Liveness({ state }: { state: State }): JSX.Element {
  const { executions = 0, running = 0, waiting = 0 } = state.totals ?? {};
  const { liveness } = state.link;
  const now = running ? "running" : waiting ? "waiting" : "live";
  const text = {
    file: `${count(executions, "execution")}, saved as a file`,
    lost: "kernel not connected: as of its last word",
    live: `${now}, ${count(executions, "execution")}`,
  }[liveness];
  return <small class={`db-live db-${liveness} ${liveness === "live" ? `db-is-${now}` : ""}`}>{text}</small>;
}

const Mark = (): JSX.Element => (
  <svg class="db-mark" viewBox="0 0 24 24" width="26" height="26" aria-hidden="true">
    <rect width="24" height="24" rx="6" fill="var(--db-accent)" />
    <path d="M6 8h9M6 12h12M6 16h6" stroke="#fff" stroke-width="2.2" stroke-linecap="round" />
    <circle cx="17" cy="16.2" r="1.8" fill="#fff" />
  </svg>
);
