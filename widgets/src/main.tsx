// Two ways in: anywidget calls `render` in a notebook, and a standalone file mounts itself.

import { render as renderTree } from "preact";
import { keepKeys } from "./keys.js";
import { FileLink, KernelLink } from "./link.js";
import type { Model } from "./link.js";
import { State } from "./state.js";
import { App } from "./view/app.js";

interface View {
  model: Model;
  el: HTMLElement;
}

function mount(el: HTMLElement, state: State): () => void {
  el.classList.add("db-root");
  renderTree(<App state={state} />, el);
  return () => renderTree(null, el);
}

/** The plain table is for where this does not run. */
function hidePlainTable(key: string): () => void {
  const style = document.createElement("style");
  const table = `.duranb-static-${CSS.escape(key)}`;
  style.textContent = `${table}, .jp-OutputArea-child:has(${table}) { display: none !important }`;
  document.head.append(style);
  return () => style.remove();
}

export default {
  render({ model, el }: View): () => void {
    const gone = new AbortController();
    const unmount = mount(el, new State(new KernelLink(model, gone.signal)));
    keepKeys(el, gone.signal);
    const showTable = hidePlainTable(String(model.get("key")));
    return () => {
      gone.abort();
      unmount();
      showTable();
    };
  },
};

const root = document.getElementById("duranb-root");
if (root && document.body.classList.contains("duranb-page")) {
  root.replaceChildren(); // the plain table, for where this does not run
  mount(root, new State(new FileLink(document)));
}
