// What changes something: choose, read what it would do, confirm.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Changes, Plan, Row } from "./data.js";
import { Icon } from "./icons.js";
import type { IconName } from "./icons.js";
import { token } from "./link.js";
import type { State } from "./state.js";

export type Verb = Exclude<keyof Changes, "trust">;

/** A verb the user is about to use, on a row or (switch) a branch. */
export interface Intent {
  verb: Verb;
  row?: Row;
  branch?: string;
}

type Arguments = Record<string, string | boolean | Record<string, string>>;

const BUTTONS: { verb: Verb & IconName; label: string; title: string; off(row: Row): string }[] = [
  {
    verb: "rewind",
    label: "Rewind",
    title: "Bring the variables back to where they were at this step",
    off: () => "",
  },
  {
    verb: "replay",
    label: "Replay",
    title: "Run this step again, its calls answered from the journal",
    off: (row) => (row.kind === "cell" ? "" : "only cells can be replayed"),
  },
  {
    verb: "fork",
    label: "Fork",
    title: "Begin a branch at this step",
    off: (row) => (row.snapshot ? "" : "this execution left no state to fork from"),
  },
  {
    verb: "compensate",
    label: "Compensate",
    title: "Undo what this step did to the outside world",
    off: (row) =>
      row.compensable ? "" : row.compensated_by ? "it was undone already" : "this step did nothing that can be undone",
  },
];

interface ToolbarProps {
  state: State;
  intent: Intent | null;
  choose(intent: Intent | null): void;
}

export function Toolbar({ state, intent, choose }: ToolbarProps): JSX.Element | null {
  const row = state.row();
  const dead = state.link.liveness === "lost";
  return (
    <div class="db-actions" role="toolbar" aria-label="Change the notebook">
      {state.link.liveness !== "file" &&
        BUTTONS.map(({ verb, label, title, off }) => {
          const why = dead ? "the kernel is not connected" : row ? off(row) : "select a step";
          return (
            <button
              class="db-action"
              data-verb={verb}
              disabled={why !== ""}
              title={why || title}
              aria-expanded={intent?.verb === verb}
              onClick={() => choose(intent?.verb === verb || !row ? null : { verb, row })}
            >
              <Icon name={verb} />
              {label}
            </button>
          );
        })}
      <Branches state={state} choose={choose} />
    </div>
  );
}

const MOST_BRANCHES = 4;

function Branches({ state, choose }: { state: State; choose(intent: Intent): void }): JSX.Element {
  const still = state.link.liveness !== "live";
  const index = new Map(state.branches.map((branch, i) => [branch.name, i]));
  const shown = state.branches.length > MOST_BRANCHES
    ? state.branches.filter((b, i) => b.name === state.branch || i >= state.branches.length - MOST_BRANCHES + 1)
    : state.branches;
  return (
    <span class="db-branches" aria-label="Branches">
      <Icon name="fork" />
      {shown.map(({ name, parent }) => (
        <button
          class={`db-branch db-l${(index.get(name) ?? 0) % 6}`}
          aria-current={name === state.branch}
          disabled={still || name === state.branch}
          title={name === state.branch ? `the kernel stands on ${name}` : `switch to ${name}${parent ? `, forked from ${parent}` : ""}`}
          onClick={() => choose({ verb: "switch", branch: name })}
        >
          {name}
        </button>
      ))}
      {shown.length < state.branches.length && <small>+{state.branches.length - shown.length}</small>}
    </span>
  );
}

interface PopoverProps {
  state: State;
  intent: Intent;
  close(): void;
}

/** The preview of a verb, asked for anew with each option, and the button that does it. */
export function Popover({ state, intent, close }: PopoverProps): JSX.Element {
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
  const ready = complete(intent, given);

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
      <h3>{plan?.title ?? `${intent.verb} ${intent.row?.step ?? intent.branch ?? ""}`}</h3>
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
        <button onClick={leave}>{done ? "Close" : "Cancel"}</button>
        {!done && (
          <button class="db-primary" disabled={!plan || busy} onClick={confirm}>
            Confirm
          </button>
        )}
      </footer>
    </div>
  );
}

function begin({ verb, row, branch }: Intent): Arguments {
  const step = row ? `${row.step}@${row.id}` : "";
  switch (verb) {
    case "rewind":
      return { step, before: !row?.snapshot, compensate: false } satisfies Changes["rewind"];
    case "replay":
      return { step, from_: "", live: false, with_: {} } satisfies Changes["replay"];
    case "fork":
      return { name: "", at: step } satisfies Changes["fork"];
    case "switch":
      return { name: branch ?? "" } satisfies Changes["switch"];
    case "compensate":
      return { step } satisfies Changes["compensate"];
    case "resolve":
      return { step: row?.step ?? "", happened: false, not_happened: false, compensate: false } satisfies Changes["resolve"];
  }
}

function complete({ verb }: Intent, given: Arguments): boolean {
  if (verb === "fork") return given["name"] !== "";
  if (verb === "resolve") return Boolean(given["happened"] || given["not_happened"] || given["compensate"]);
  return true;
}

interface OptionsProps {
  intent: Intent;
  given: Arguments;
  set(more: Arguments): void;
}

function Options({ intent, given, set }: OptionsProps): JSX.Element | null {
  const { verb, row } = intent;
  const reference = row ? `${row.step}@${row.id}` : "";
  if (verb === "rewind")
    return (
      <>
        <Either
          label="Where to"
          choices={[
            ["after it", !given["before"], () => set({ before: false }), !row?.snapshot],
            ["before it", Boolean(given["before"]), () => set({ before: true })],
          ]}
        />
        <Check on={Boolean(given["compensate"])} set={(compensate) => set({ compensate })}>
          undo what was done to the outside world since
        </Check>
      </>
    );
  if (verb === "replay")
    return (
      <>
        <Either
          label="How much"
          choices={[
            ["this step", given["step"] !== "", () => set({ step: reference, from_: "" })],
            ["and what follows", given["step"] === "", () => set({ step: "", from_: reference })],
          ]}
        />
        <Check on={Boolean(given["live"])} set={(live) => set({ live })}>
          make its calls anew, and pay for them
        </Check>
        <Edited set={(with_) => set({ with_ })} />
      </>
    );
  if (verb === "fork")
    return (
      <label class="db-field">
        Name of the branch
        <input
          type="text"
          value={String(given["name"])}
          onInput={(event) => set({ name: event.currentTarget.value.trim() })}
        />
      </label>
    );
  if (verb === "resolve")
    return (
      <>
        <Either
          label="What became of it"
          choices={[
            ["it happened", Boolean(given["happened"]), () => set({ happened: true, not_happened: false, compensate: false })],
            ["it did not", Boolean(given["not_happened"]), () => set({ happened: false, not_happened: true, compensate: false })],
            ["undo it", Boolean(given["compensate"]), () => set({ happened: false, not_happened: false, compensate: true })],
          ]}
        />
        {given["happened"] && (
          <label class="db-field">
            What it returned, as an expression
            <input
              type="text"
              value={given["happened"] === true ? "" : String(given["happened"])}
              onInput={(event) => set({ happened: event.currentTarget.value || true })}
            />
          </label>
        )}
      </>
    );
  return null;
}

/** `NAME = expression` in the place of recorded inputs. */
function Edited({ set }: { set(given: Record<string, string>): void }): JSX.Element {
  const changed = (text: string): void => {
    const given: Record<string, string> = {};
    for (const line of text.split("\n")) {
      const [name = "", ...rest] = line.split("=");
      if (/^\s*\w+\s*$/.test(name) && rest.join("=").trim()) given[name.trim()] = rest.join("=").trim();
    }
    set(given);
  };
  return (
    <label class="db-field">
      With other inputs, one NAME = EXPRESSION a line
      <textarea rows={2} spellcheck={false} placeholder="temperature = 0.2" onInput={(event) => changed(event.currentTarget.value)} />
    </label>
  );
}

type Choice = [label: string, on: boolean, choose: () => void, off?: boolean];

const Either = ({ label, choices }: { label: string; choices: Choice[] }): JSX.Element => (
  <div class="db-choice" role="group" aria-label={label}>
    {choices.map(([text, on, choose, off]) => (
      <button aria-pressed={on} disabled={off ?? false} onClick={choose}>
        {text}
      </button>
    ))}
  </div>
);

interface CheckProps {
  on: boolean;
  set(on: boolean): void;
  children: ComponentChildren;
}

const Check = ({ on, set, children }: CheckProps): JSX.Element => (
  <label class="db-check">
    <input type="checkbox" checked={on} onChange={(event) => set(event.currentTarget.checked)} />
    {children}
  </label>
);

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
