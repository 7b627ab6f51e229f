// Python source in pieces, each of one kind, for colouring it.

export type PythonKind = "comment" | "string" | "magic" | "keyword" | "number" | "plain";

/** The kinds in the order of the groups in PYTHON. */
const KINDS: readonly PythonKind[] = ["comment", "string", "magic", "keyword", "number"];

const PYTHON =
  /(#[^\n]*)|((?:[rbfuRBFU]{0,2})(?:"""[\s\S]*?(?:"""|(?![\s\S]))|'''[\s\S]*?(?:'''|(?![\s\S]))|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))|(^[ \t]*%%?[^\n]*|^[ \t]*@[\w.]+)|\b(and|as|assert|async|await|break|class|continue|def|del|elif|else|except|False|finally|for|from|global|if|import|in|is|lambda|None|nonlocal|not|or|pass|raise|return|True|try|while|with|yield|match|case)\b|\b(\d[\w.]*)\b/gm;

/** The whole source, cut where the kind changes; what has no kind of its own is "plain". */
export function pieces(source: string): [kind: PythonKind, text: string][] {
  const found: [PythonKind, string][] = [];
  let at = 0;
  for (const match of source.matchAll(PYTHON)) {
    const kind = KINDS[match.slice(1).findIndex((group) => group !== undefined)] ?? "plain";
    if (match.index > at) found.push(["plain", source.slice(at, match.index)]);
    found.push([kind, match[0]]);
    at = match.index + match[0].length;
  }
  if (at < source.length) found.push(["plain", source.slice(at)]);
  return found;
}
