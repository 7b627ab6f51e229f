/**
 * Keep plain keys from the notebook's shortcuts; those with Ctrl or Cmd (save, undo) stay its own.
 *
 * The mark has to be on the focused element: the notebook's shortcuts are bound to `:focus`, which
 * matches before a mark further up is seen. The window hears of a key before JupyterLab does.
 */
export function keepKeys(el: HTMLElement, signal: AbortSignal): void {
  const mark = (event: KeyboardEvent): void => {
    const target = event.target;
    if (target instanceof Element && el.contains(target))
      target.toggleAttribute("data-lm-suppress-shortcuts", !event.ctrlKey && !event.metaKey);
  };
  window.addEventListener("keydown", mark, { capture: true, signal });
}
