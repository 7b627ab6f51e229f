// Recorded text, shown safely: as text.

import "./text.css";
import type { JSX } from "preact";
import { pieces } from "../python.js";
import { plain } from "../terminal.js";

export const Python = ({ source }: { source: string }): JSX.Element => (
  <pre class="db-code" tabIndex={0}>
    <code>
      {pieces(source).map(([kind, text]) => (kind === "plain" ? text : <span class={`db-py-${kind}`}>{text}</span>))}
    </code>
  </pre>
);

export const Diff = ({ lines }: { lines: string[] }): JSX.Element => (
  <pre class="db-code db-diff" tabIndex={0}>
    {lines.map((line) => (
      <div class={line.startsWith("@@") ? "db-hunk" : line.startsWith("+") ? "db-plus" : line.startsWith("-") ? "db-minus" : ""}>
        {line || " "}
      </div>
    ))}
  </pre>
);

export const Plain = ({ text, kind = "" }: { text: string; kind?: string }): JSX.Element => (
  <pre class={`db-text ${kind}`} tabIndex={0}>{plain(text)}</pre>
);

/** HTML that a cell displayed, in a frame that runs no script and loads nothing. */
export function Html({ html }: { html: string }): JSX.Element {
  const dark = getComputedStyle(document.body).colorScheme.includes("dark");
  const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
  const page = `<meta http-equiv="Content-Security-Policy" content="${policy}"><style>
    :root { color-scheme: ${dark ? "dark" : "light"} } body { font: 12px system-ui, sans-serif; margin: 4px }
    table { border-collapse: collapse } td, th { padding: 2px 8px; text-align: right; border: 0 }
    tbody tr:nth-child(odd) { background: #8881 }</style>${html}`;
  // The frame is closed to this page, which so cannot measure what is in it.
  const lines = (html.match(/<(tr|p|li|h\d|br|pre|div)\b/g)?.length ?? 0) + 1;
  const height = `${Math.min(280, 24 + lines * 21)}px`;
  return <iframe class="db-html" sandbox="" srcdoc={page} style={{ height }} title="displayed HTML" />;
}
