// Drawn here, so that the page loads nothing.

import "./icons.css";
import type { JSX } from "preact";

export const box = { viewBox: "0 0 16 16", width: 16, height: 16, fill: "none", "aria-hidden": true } as const;
export const line = { stroke: "currentColor", "stroke-width": 1.6, "stroke-linecap": "round", "stroke-linejoin": "round" } as const;

const PATHS = {
  rewind: "M7.5 4L3.5 8l4 4M12.5 4l-4 4 4 4",
  replay: "M12.8 8A4.8 4.8 0 1 1 11 4.3M11.2 2v2.6H8.6",
  fork: "M4.5 2.5v11M4.5 6.5c0 3 6.5.5 6.5 4v3M9 11.5l2 2 2-2",
  compensate: "M4 6h6a3 3 0 0 1 0 6H7M4 6l2.6-2.6M4 6l2.6 2.6",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.4 10.4l3.1 3.1",
  follow: "M8 3v9M4.5 8.8L8 12.3l3.5-3.5",
  panel: "M2.5 3.5h11v9h-11zM9.5 3.5v9",
  open: "M6 4l4 4-4 4",
  restart: "M8.8 2.5L4 9h3.4L7.2 13.5 12 7H8.6z",
  copy: "M5.5 5.5h7v7h-7zM3.5 10.5v-7h7",
  wait: "M5 2.5h6M5 13.5h6M5.5 2.5c0 3 5 4 5 5.5s-5 2.5-5 5.5M10.5 2.5c0 3-5 4-5 5.5s5 2.5 5 5.5",
  warning: "M8 2.8l5.8 10.2H2.2zM8 6.6v3M8 11.3v.1",
  switch: "M3 5.5h9M9.5 3L12 5.5 9.5 8M13 10.5H4M6.5 8L4 10.5 6.5 13",
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = ({ name }: { name: IconName }): JSX.Element => (
  <svg {...box} class="db-icon">
    <path d={PATHS[name]} {...line} stroke-width={1.4} />
  </svg>
);
