// Recorded text, shown safely: as text. Python is coloured, terminal colours are taken out.

import type { JSX } from "preact";

const PYTHON =
  /(#[^\n]*)|((?:[rbfuRBFU]{0,2})(?:"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))|(^[ \t]*%%?[^\n]*|^[ \t]*@[\w.]+)|\b(and|as|assert|async|await|break|class|continue|def|del|elif|else|except|False|finally|for|from|global|if|import|in|is|lambda|None|nonlocal|not|or|pass|raise|return|True|try|while|with|yield|match|case)\b|\b(\d[\w.]*)\b/gm;

const KINDS = ["comment", "string", "magic", "keyword", "number"];

export function Python({ source }: { source: string }): JSX.Element {
  const parts: (string | JSX.Element)[] = [];
  let at = 0;
  for (const match of source.matchAll(PYTHON)) {
    const kind = match.slice(1).findIndex((group) => group !== undefined);
    if (match.index > at) parts.push(source.slice(at, match.index));
    parts.push(<span class={`db-py-${KINDS[kind]}`}>{match[0]}</span>);
    at = match.index + match[0].length;
  }
  parts.push(source.slice(at));
  return (
    <pre class="db-code">
      <code>{parts}</code>
    </pre>
  );
}

export const Diff = ({ lines }: { lines: string[] }): JSX.Element => (
  <pre class="db-code db-diff">
    {lines.map((line) => (
      <div class={line.startsWith("@@") ? "db-hunk" : line.startsWith("+") ? "db-plus" : line.startsWith("-") ? "db-minus" : ""}>
        {line || " "}
      </div>
    ))}
  </pre>
);

// eslint-disable-next-line no-control-regex
const ESCAPES = /\u001b\[[0-9;?]*[A-Za-z]|\u001b\][^\u0007]*\u0007|[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** Text as a terminal would leave it: what a line wrote over itself, as progress bars do, is gone. */
export const plain = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.slice(line.lastIndexOf("\r", line.replace(/\r+$/, "").length - 1) + 1))
    .join("\n")
    .replace(ESCAPES, "");

export const Plain = ({ text, kind = "" }: { text: string; kind?: string }): JSX.Element => (
  <pre class={`db-text ${kind}`}>{plain(text)}</pre>
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
