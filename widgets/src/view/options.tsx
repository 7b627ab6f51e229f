// What can be chosen about a verb before it is carried out.

import type { JSX } from "preact";
import { readInputs, reference } from "../verbs.js";
import type { Arguments, Intent } from "../verbs.js";
import { Check, Either } from "./controls.js";

interface Props {
  intent: Intent;
  given: Arguments;
  set(more: Arguments): void;
}

export function Options({ intent, given, set }: Props): JSX.Element | null {
  switch (intent.verb) {
    case "rewind":
      return <Rewind intent={intent} given={given} set={set} />;
    case "replay":
      return <Replay intent={intent} given={given} set={set} />;
    case "fork":
      return (
        <label class="db-field">
          Name of the branch
          <input type="text" value={given.name} onInput={(event) => set({ name: event.currentTarget.value.trim() })} />
        </label>
      );
    case "compensate":
      return (
        <Check on={given.chain === true} set={(chain) => set({ chain })}>
          also undo the later steps that were built on it
        </Check>
      );
    case "resolve":
      return <Resolve intent={intent} given={given} set={set} />;
    default:
      return null;
  }
}

const Rewind = ({ intent, given, set }: Props): JSX.Element => (
  <>
    <Either
      label="Where to"
      choices={[
        { label: "after it", on: !given.before, choose: () => set({ before: false }), off: !intent.row?.snapshot },
        { label: "before it", on: given.before === true, choose: () => set({ before: true }) },
      ]}
    />
    <Check on={given.compensate === true} set={(compensate) => set({ compensate })}>
      undo what was done to the outside world since
    </Check>
  </>
);

function Replay({ intent, given, set }: Props): JSX.Element {
  const step = intent.row ? reference(intent.row) : "";
  return (
    <>
      <Either
        label="How much"
        choices={[
          { label: "this step", on: given.step !== "", choose: () => set({ step, from_: "" }) },
          { label: "and what follows", on: given.step === "", choose: () => set({ step: "", from_: step }) },
        ]}
      />
      <Check on={given.live === true} set={(live) => set({ live })}>
        make its calls anew, and pay for them
      </Check>
      <label class="db-field">
        With other inputs, one NAME = EXPRESSION a line
        <textarea
          rows={2}
          spellcheck={false}
          placeholder="temperature = 0.2"
          onInput={(event) => set({ with_: readInputs(event.currentTarget.value) })}
        />
      </label>
    </>
  );
}

function Resolve({ given, set }: Props): JSX.Element {
  const unknown: Arguments = { happened: false, not_happened: false, compensate: false };
  return (
    <>
      <Either
        label="What became of it"
        choices={[
          { label: "it happened", on: Boolean(given.happened), choose: () => set({ ...unknown, happened: true }) },
          { label: "it did not", on: given.not_happened === true, choose: () => set({ ...unknown, not_happened: true }) },
          { label: "undo it", on: given.compensate === true, choose: () => set({ ...unknown, compensate: true }) },
        ]}
      />
      {given.happened && (
        <label class="db-field">
          What it returned, as an expression
          <input
            type="text"
            value={given.happened === true ? "" : given.happened}
            onInput={(event) => set({ happened: event.currentTarget.value || true })}
          />
        </label>
      )}
    </>
  );
}
