// What changes the notebook: the verbs, the row or branch each is used on, and what each takes.

import type { Changes, Row } from "./data.js";

/** The verbs that have a button; a store is trusted where its warning can be read: in a cell. */
export type Verb = Exclude<keyof Changes, "trust">;

/** A verb the user is about to use, on a row or (switch) a branch. */
export interface Intent {
  verb: Verb;
  row?: Row;
  branch?: string;
}

type Together<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer All) => void ? All : never;

/** What a verb takes. Only Python knows which verb takes what; the names are checked here. */
export type Arguments = Partial<Together<Changes[Verb]>>;

export interface Button {
  verb: "rewind" | "replay" | "fork" | "compensate";
  label: string;
  title: string;
  /** Why it cannot be used on this row; an empty string where it can. */
  off(row: Row): string;
}

export const BUTTONS: readonly Button[] = [
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

/** A row as verbs name it: the step, and which of its executions. */
export const reference = (row: Row): string => `${row.step}@${row.id}`;

/** What a verb is given before the user has chosen anything. */
export function begin({ verb, row, branch }: Intent): Arguments {
  const step = row ? reference(row) : "";
  switch (verb) {
    case "rewind":
      return { step, before: !row?.snapshot, compensate: false };
    case "replay":
      return { step, from_: "", live: false, with_: {} };
    case "fork":
      return { name: "", at: step };
    case "switch":
      return { name: branch ?? "" };
    case "compensate":
      return { step, chain: false };
    case "forget":
      return { step };
    case "prune":
      return { keep: 1 };
    case "redact":
      return { value: "", found: true };
    case "resolve":
      return { step: row?.step ?? "", happened: false, not_happened: false, compensate: false };
  }
}

/** Whether the user has chosen all that a verb needs, so that it can be planned. */
export function complete(verb: Verb, given: Arguments): boolean {
  if (verb === "fork") return given.name !== "";
  if (verb === "resolve") return Boolean(given.happened || given.not_happened || given.compensate);
  return true;
}

/** Inputs given as text, one `NAME = EXPRESSION` a line; lines that are not (yet) such are left out. */
export function readInputs(text: string): Record<string, string> {
  const inputs: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const [, name, expression] = /^\s*([\p{L}_][\p{L}\p{N}_]*)\s*=(.*)$/u.exec(line) ?? [];
    if (name && expression?.trim()) inputs[name] = expression.trim();
  }
  return inputs;
}
