// How an execution stands and how its result came about, as the list and the inspector show it.

import "./marks.css";
import type { JSX } from "preact";
import type { Status } from "../data.js";
import type { Look } from "../looks.js";
import { toneOfStatus } from "../tones.js";
import { box, line } from "./icons.js";

const inRing = (path: string): JSX.Element => (
  <svg {...box}>
    <circle cx="8" cy="8" r="7" fill="currentColor" opacity="0.16" />
    <path d={path} {...line} />
  </svg>
);

const STATUS: Record<Status, (moves: boolean) => JSX.Element> = {
  completed: () => inRing("M4.8 8.3l2.2 2.2 4.2-4.8"),
  failed: () => inRing("M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8"),
  waiting: () => inRing("M6 5.2v5.6M10 5.2v5.6"),
  cancelled: () => inRing("M5 8h6"),
  "in doubt": () => inRing("M6 6.2a2 2 0 1 1 2.7 1.9c-.5.2-.7.5-.7 1.1M8 11.6v.1"),
  compensated: () => inRing("M5.2 6.6h4.1a2 2 0 0 1 0 4H7M5.2 6.6l1.9-1.9M5.2 6.6l1.9 1.9"),
  "compensation failed": () => inRing("M8 4.6v4.2M8 11.3v.1"),
  running: (moves) => (
    <svg {...box} class={moves ? "db-spin" : ""}>
      <circle cx="8" cy="8" r="6" stroke="currentColor" stroke-width="2" opacity="0.2" />
      <path d="M8 2a6 6 0 0 1 6 6" {...line} stroke-width={2} />
    </svg>
  ),
};

export const StatusIcon = ({ look }: { look: Look }): JSX.Element => (
  <span class={`db-status ${toneOfStatus(look.status)}`} title={look.status} role="img" aria-label={look.status}>
    {STATUS[look.status](look.moves)}
  </span>
);

/** How the result came about; where there is none, what there is instead. */
export const Badge = ({ look }: { look: Look }): JSX.Element => <span class={`db-badge ${look.tone}`}>{look.word}</span>;
