// What is on the page. One owner: components read it and call its methods, which announce changes.

import { addLedgers, toRow } from "./data.js";
import type { Branch, Ledger, Row, Totals, Update } from "./data.js";
import type { Link } from "./link.js";

/** A row as it is listed: below its parent when that is open. */
export interface Line {
  row: Row;
  depth: number;
  children: number;
  open: boolean;
  /** Its own calls and, where it has children, theirs. */
  ledger: Ledger;
}

export type Show = "all" | "attention" | "line";

/** Parents with more children than this begin closed. */
const MANY = 8;

export class State {
  readonly rows = new Map<number, Row>();
  branches: Branch[] = [];
  sessions: number[] = [];
  totals: Totals | null = null;
  notebook = "";
  branch = "";
  seq = -1;
  lines: Line[] = [];
  selected = 0;
  search = "";
  show: Show = "all";
  follow = true;
  problem = "";
  /** Whether the inspector is on the page. */
  inspecting = true;
  private clockAhead = 0;
  /** When the kernel was last there, or the file was written: nothing is known to go on since. */
  private stopped = 0;
  private readonly toggled = new Set<number>();
  private readonly children = new Map<number, number[]>();
  /** The last execution of each step; those inside of another are not counted. */
  private readonly latest = new Map<string, number>();
  private readonly callbacks = new Set<() => void>();
  private loading = false;
  /** Whether rows changed while others were on their way. */
  private missed = false;

  constructor(readonly link: Link) {
    link.onUpdate((update) => {
      if (update.since <= this.seq) this.take(update);
      else if (this.loading) this.missed = true;
      else void this.load();
    });
    link.onLiveness((liveness) => {
      if (liveness === "lost") this.stopped = this.now();
      else this.stopped = 0;
      if (liveness === "live") void this.load();
      this.announce();
    });
  }

  /** The time on the kernel's machine, in microseconds; it stands still where there is no kernel. */
  now(): number {
    return this.stopped || Date.now() * 1000 + this.clockAhead;
  }

  /** Whether there is a kernel to hear from. */
  get live(): boolean {
    return this.link.liveness === "live";
  }

  subscribe(callback: () => void): () => void {
    this.callbacks.add(callback);
    return () => this.callbacks.delete(callback);
  }

  async load(): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    this.missed = false;
    try {
      this.take(await this.link.request<Update>("rows", { since: this.seq }));
      this.problem = "";
    } catch (error) {
      this.problem = (error as Error).message;
      this.announce();
    } finally {
      this.loading = false;
    }
    if (this.missed && !this.problem) await this.load();
  }

  private take(update: Update): void {
    if (update.seq < this.seq) {
      this.forget();
      return;
    }
    for (const sent of update.rows) {
      const row = toRow(sent);
      if (row.parent && !this.rows.has(row.id)) {
        const siblings = this.children.get(row.parent);
        if (siblings) siblings.push(row.id);
        else this.children.set(row.parent, [row.id]);
      }
      this.rows.set(row.id, row);
      if (!row.parent) this.latest.set(stepOf(row), Math.max(row.id, this.latest.get(stepOf(row)) ?? 0));
    }
    Object.assign(this, {
      branches: update.branches,
      sessions: update.sessions,
      totals: update.totals,
      notebook: update.notebook,
      branch: update.branch,
      seq: update.seq,
    });
    if (this.link.liveness === "file") this.stopped = update.now;
    else this.clockAhead = update.now - Date.now() * 1000;
    this.arrange();
    if (!this.rows.has(this.selected)) this.selected = this.head()?.id ?? this.lines.at(-1)?.row.id ?? 0;
    this.announce();
  }

  /** Another history than the one on the page: begin anew. */
  private forget(): void {
    this.rows.clear();
    this.children.clear();
    this.latest.clear();
    this.seq = -1;
    setTimeout(() => void this.load());
  }

  /** The last execution on the way to the head. */
  head(): Row | undefined {
    for (const row of this.rows.values()) if (row.head) return row;
    return undefined;
  }

  row(): Row | undefined {
    return this.rows.get(this.selected);
  }

  select(id: number): void {
    this.selected = id;
    let row = this.rows.get(id);
    while (row?.parent) {
      if (!this.isOpen(row.parent)) this.toggle(row.parent);
      row = this.rows.get(row.parent);
    }
    if (!this.lines.some((line) => line.row.id === id)) this.set({ search: "", show: "all" });
    this.announce();
  }

  set(changes: Partial<Pick<State, "search" | "show" | "follow" | "inspecting">>): void {
    Object.assign(this, changes);
    this.arrange();
    this.announce();
  }

  toggle(id: number): void {
    if (!this.toggled.delete(id)) this.toggled.add(id);
    this.arrange();
    this.announce();
  }

  isOpen(id: number): boolean {
    const few = (this.children.get(id)?.length ?? 0) <= MANY;
    return few !== this.toggled.has(id);
  }

  private arrange(): void {
    const ids = [...this.rows.keys()].sort((a, b) => a - b);
    const lines: Line[] = [];
    const narrowed = this.search.trim() !== "" || this.show !== "all";
    const visit = (id: number, depth: number): void => {
      const row = this.rows.get(id);
      if (!row) return;
      const below = this.children.get(id) ?? [];
      const open = narrowed || this.isOpen(id);
      if (!narrowed || this.wanted(row))
        lines.push({ row, depth: narrowed ? 0 : depth, children: below.length, open, ledger: this.sum(row) });
      if (open) for (const child of below) visit(child, depth + 1);
    };
    for (const id of ids) {
      const row = this.rows.get(id)!;
      if (!row.parent || !this.rows.has(row.parent)) visit(id, 0);
    }
    this.lines = lines;
  }

  private wanted(row: Row): boolean {
    const text = this.search.trim().toLowerCase();
    if (text && !`${row.step} ${row.status} ${row.origin} ${row.branch} ${row.error}`.toLowerCase().includes(text))
      return false;
    if (this.show === "line") return row.line || row.status === "running" || row.status === "waiting";
    if (this.show === "attention") return needsAttention(row, this.superseded(row));
    return true;
  }

  /** Whether its step, or the one it is part of, was carried out again since, on the same branch. */
  private superseded(row: Row): boolean {
    let whole = row;
    for (let above = this.rows.get(row.parent); above; above = this.rows.get(above.parent)) whole = above;
    return (this.latest.get(stepOf(whole)) ?? 0) > whole.id;
  }

  private sum(row: Row): Ledger {
    let ledger = row.ledger;
    for (const id of this.children.get(row.id) ?? []) {
      const child = this.rows.get(id);
      if (child) ledger = addLedgers(ledger, this.sum(child));
    }
    return ledger;
  }

  announce(): void {
    for (const callback of this.callbacks) callback();
  }
}

/** A step on its branch; a compensation is beside its step, and does not stand for it. */
function stepOf(row: Row): string {
  return `${row.run} ${row.branch} ${row.kind} ${row.step}`;
}

/** Whether a person has to do something. A failure that a later execution took over is past. */
export function needsAttention(row: Row, superseded: boolean): boolean {
  return (
    (row.status === "failed" && !superseded) ||
    ["in doubt", "waiting", "compensation failed"].includes(row.status) ||
    row.stale.length > 0 ||
    row.doubts.length > 0
  );
}

/** Whether the row's state was left behind by a rewind or lies on another branch. */
export function leftBehind(row: Row): boolean {
  return row.snapshot > 0 && !row.line;
}
