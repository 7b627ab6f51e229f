// What a verb would do, read before it is confirmed.

import "./popover.css";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Plan } from "../data.js";
import { token } from "../link.js";
import type { State } from "../state.js";
import { begin, complete } from "../verbs.js";
import type { Arguments, Intent } from "../verbs.js";
import { Icon } from "./icons.js";
import { Options } from "./options.js";

interface Props {
  state: State;
  intent: Intent;
  close(): void;
}

/** The preview of a verb, asked for anew with each option, and the button that does it. */
export function Popover({ state, intent, close }: Props): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const [given, setGiven] = useState<Arguments>(() => begin(intent));
  const [plan, setPlan] = useState<Plan | null>(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState("");
  const asked = useRef(0);
  /** Names what was confirmed until it is done or refused. */
  const pending = useRef("");
  const body = { do: intent.verb, arguments: given };
  const ready = complete(intent.verb, given);

  useEffect(() => {
    const mine = ++asked.current;
    setProblem("");
    if (!ready) {
      setPlan(null);
      return undefined;
    }
    const timer = setTimeout(() => {
      state.link.request<Plan>("preview", body).then(
        (found) => mine === asked.current && setPlan(found),
        (error: Error) => {
          if (mine !== asked.current) return;
          setPlan(null);
          setProblem(error.message);
        },
      );
    }, 120);
    return () => clearTimeout(timer);
  }, [JSON.stringify(given)]);

  useEffect(() => {
    const before = box.current?.getRootNode() as Document | ShadowRoot | undefined;
    const focused = before?.activeElement as HTMLElement | null;
    box.current?.focus();
    return () => {
      focused?.focus?.();
      if (pending.current) withdraw().catch(() => {}); // a kernel that is gone does nothing either
    };
  }, []);

  const withdraw = (): Promise<boolean> => state.link.request<boolean>("withdraw", { token: pending.current });

  /** What waits for a running cell is withdrawn; what has begun is seen to its end. */
  const leave = (): void => {
    if (!pending.current) close();
    else
      withdraw().then(
        (withdrawn) => {
          if (withdrawn) pending.current = "";
          if (withdrawn) close();
          else setProblem("It has begun, and goes on.");
        },
        (error: Error) => setProblem(error.message),
      );
  };

  const confirm = (): void => {
    setBusy(true);
    pending.current = token();
    state.link.request<string>("apply", { ...body, token: pending.current, warnings: plan?.warnings ?? [] }).then(
      (said) => {
        pending.current = "";
        setProblem("");
        setBusy(false);
        setDone(said);
        box.current?.focus(); // the button that had the focus is gone
      },
      (error: Error) => {
        pending.current = "";
        setBusy(false);
        setPlan(null);
        setProblem(error.message);
      },
    );
  };

  const keyed = (event: KeyboardEvent): void => {
    if (event.key === "Escape") {
      event.stopPropagation();
      leave();
    }
    if (event.key === "Tab") keepInside(box.current, event);
  };

  const running = (state.totals?.running ?? 0) > 0;
  return (
    <div class="db-popover" role="dialog" aria-label={intent.verb} tabIndex={-1} ref={box} onKeyDown={keyed}>
      <h2>{plan?.title ?? `${intent.verb} ${intent.row?.step ?? intent.branch ?? ""}`}</h2>
      {!done && <Options intent={intent} given={given} set={(more) => setGiven({ ...given, ...more })} />}
      {!done && plan && (
        <ul class="db-plan">
          {plan.lines.map((line) => (
            <li>{line}</li>
          ))}
          {plan.warnings.map((line) => (
            <li class="db-warn">
              <Icon name="warning" />
              {line}
            </li>
          ))}
        </ul>
      )}
      {problem && (
        <p class="db-problem" role="alert">
          {problem}
        </p>
      )}
      {done && (
        <p class="db-done" role="status">
          {done}
        </p>
      )}
      <footer>
        {busy && <span class="db-note">{running ? "waits for the running cell…" : "working, once no cell is running…"}</span>}
        <button class="db-button" onClick={leave}>{done ? "Close" : "Cancel"}</button>
        {!done && (
          <button class="db-button db-primary" disabled={!plan || busy} onClick={confirm}>
            Confirm
          </button>
        )}
      </footer>
    </div>
  );
}

/** Keep the focus in the dialog: Tab at its last control goes to the first, and back. */
function keepInside(box: HTMLElement | null, event: KeyboardEvent): void {
  const all = [...(box?.querySelectorAll<HTMLElement>("button:not(:disabled), input, textarea") ?? [])];
  const first = all[0];
  const last = all[all.length - 1];
  const root = box?.getRootNode() as Document | ShadowRoot | undefined;
  const here = root?.activeElement;
  if (!first || !last) return;
  if (event.shiftKey && (here === first || here === box)) {
    event.preventDefault();
    last.focus();
  } else if (!event.shiftKey && here === last) {
    event.preventDefault();
    first.focus();
  }
}
