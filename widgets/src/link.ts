// How the page reaches the history: a kernel, or data inlined in the file.

import { toUpdate, unpack } from "./columns.js";
import type { Sent, Update } from "./data.js";

/** Whether the kernel answers: "file" never has one. */
export type Liveness = "live" | "lost" | "file";

export interface Link {
  readonly liveness: Liveness;
  /** Rejects with a sentence. */
  request<T>(verb: string, body?: Record<string, unknown>): Promise<T>;
  onUpdate(callback: (update: Update) => void): void;
  onLiveness(callback: (liveness: Liveness) => void): void;
}

/** A link to the standalone file's own data, which Python wrote beside the bundle. */
export class FileLink implements Link {
  readonly liveness = "file";
  constructor(private readonly page: Document) {}

  request<T>(verb: string, body: Record<string, unknown> = {}): Promise<T> {
    const selector = {
      rows: "#duranb-rows",
      detail: `[data-execution="${body["execution"]}"]`,
      call: `[data-call="${body["call"]}"]`,
    }[verb];
    const found = selector && this.page.querySelector(`script${selector}`);
    if (!found) return Promise.reject(new Error("this is not in the file, which would have become too large"));
    return this.read(found).then((said) => (verb === "rows" ? toUpdate(said as Sent) : said) as T);
  }

  private async read(found: Element): Promise<unknown> {
    const text = found.textContent ?? "null";
    if (found.getAttribute("type") === "application/json") return JSON.parse(text);
    return unpack(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
  }

  onUpdate(): void {}
  onLiveness(): void {}
}

/** The part of anywidget's model that is used. */
export interface Model {
  get(key: string): unknown;
  send(content: unknown): void;
  on(event: string, callback: (...args: never[]) => void): void;
  off(event: string, callback?: (...args: never[]) => void): void;
  widget_manager?: Manager;
}

/** Jupyter's widget manager and its models, as far as re-attaching needs them. */
interface Manager {
  get_model(id: string): Promise<RawModel>;
  has_model?(id: string): boolean;
  _create_comm?(target: string, id: string, data: unknown): Promise<unknown>;
  kernel?: Kernel | null;
}

interface Kernel {
  isDisposed?: boolean;
  status?: string;
  connectionStatus?: string;
  iopubMessage?: Signal<{ header: { msg_type: string } }>;
}

interface Signal<T> {
  connect(slot: (sender: unknown, args: T) => void): void;
  disconnect(slot: (sender: unknown, args: T) => void): void;
}

interface RawModel extends Model {
  comm_live?: boolean;
}

/** A name that nothing else has. `crypto.randomUUID` is only there on HTTPS and on this machine. */
export const token = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const TARGET = "duranb.timeline";
const LOOK_EVERY = 1500;
const ANSWER_WITHIN = 20_000;

/** Whether the manager knows that its kernel was shut down; models outlive that. */
const ended = ({ kernel }: Manager): boolean =>
  kernel === null || kernel?.isDisposed === true || kernel?.status === "dead";

interface Answer {
  result?: unknown;
  error?: string;
}

/** What a message is: the answer to a request, perhaps packed, or rows that changed. */
interface Content {
  id?: string;
  push?: string;
  packed?: boolean;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A link to a kernel. After a restart it finds the widget's new model and goes on with that. */
export class KernelLink implements Link {
  liveness: Liveness = "live";
  private pending = new Map<string, Pending>();
  private updated: (update: Update) => void = () => {};
  private changed: (liveness: Liveness) => void = () => {};
  private current: Model;
  private raw: RawModel | null = null;
  private nextId = 0;
  /** Whether it is worth asking the kernel for a widget: it is new, or has run a cell since. */
  private promising = true;
  private watched: Kernel | null = null;
  private readonly prefix = token();

  constructor(model: Model, private readonly signal: AbortSignal) {
    this.current = model;
    this.listen(model);
    const key = String(model.get("key"));
    const timer = setInterval(() => void this.look(key), LOOK_EVERY);
    signal.addEventListener("abort", () => {
      clearInterval(timer);
      this.current.off("msg:custom", this.receive);
      this.watched?.iopubMessage?.disconnect(this.heard);
    });
  }

  request<T>(verb: string, body: Record<string, unknown> = {}): Promise<T> {
    if (this.liveness === "lost") return Promise.reject(new Error("the kernel is not connected"));
    const id = `${this.prefix}-${this.nextId++}`;
    const answered = new Promise<unknown>((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      // What changes the notebook waits for the running cell, however long that takes.
      if (verb !== "apply")
        setTimeout(() => this.settle(id, { error: "the kernel has not answered in time: is it busy?" }), ANSWER_WITHIN);
      this.current.send({ ...body, id, verb });
    });
    return answered.then((result) => (verb === "rows" ? toUpdate(result as Sent) : result) as T);
  }

  onUpdate(callback: (update: Update) => void): void {
    this.updated = callback;
  }

  onLiveness(callback: (liveness: Liveness) => void): void {
    this.changed = callback;
  }

  private listen(model: Model): void {
    model.on("msg:custom", this.receive);
  }

  private readonly receive = (content: Content, buffers: DataView[] = []): void => {
    const buffer = buffers[0];
    if (!buffer) return;
    const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    if (content.packed) {
      const { id = "" } = content;
      unpack(bytes).then(
        (message) => this.settle(id, message as Answer),
        () => this.settle(id, { error: "what the kernel sent cannot be read" }),
      );
      return;
    }
    const message: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (content.push) this.updated(toUpdate(message as Sent));
    else if (content.id) this.settle(content.id, message as Answer);
  };

  private settle(id: string, answer: Answer): void {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    if (answer.error !== undefined) pending?.reject(new Error(answer.error));
    else pending?.resolve(answer.result);
  }

  /** Notice that the kernel is gone, or that another one has taken its place. */
  private async look(key: string): Promise<void> {
    const manager = this.current.widget_manager ?? this.raw?.widget_manager;
    if (!manager || this.signal.aborted) return;
    let found: RawModel | null = null;
    try {
      if (manager.has_model?.(key) !== false) found = await manager.get_model(key);
    } catch {
      found = null; // the manager says so by rejecting: no such model
    }
    if (found && !this.raw) this.raw = found;
    if (!found || found.comm_live === false || ended(manager)) await this.lose(manager);
    else if (found !== this.raw) this.rebind(found, manager);
    else this.become("live");
  }

  private rebind(model: RawModel, manager: Manager): void {
    this.current.off("msg:custom", this.receive);
    this.raw = model;
    // Backbone's `off` with a callback removes it whatever its context was.
    this.current = {
      get: (name) => model.get(name),
      send: (content) => model.send(content),
      on: (event, callback) => model.on(event, callback),
      off: (event, callback) => model.off(event, callback),
      widget_manager: manager,
    };
    this.listen(this.current);
    this.become("live");
  }

  private async lose(manager: Manager): Promise<void> {
    this.become("lost");
    for (const id of [...this.pending.keys()]) this.settle(id, { error: "the kernel ended before it answered" });
    const kernel = manager.kernel;
    if (kernel && kernel !== this.watched) this.watch(kernel);
    const idle = kernel?.status === "idle" && kernel.connectionStatus !== "disconnected";
    if (!idle || !this.promising) return;
    this.promising = false;
    try {
      await manager._create_comm?.(TARGET, token(), {});
    } catch {
      this.promising = true; // the kernel was not there yet: the next look tries again
    }
  }

  private watch(kernel: Kernel): void {
    this.watched?.iopubMessage?.disconnect(this.heard);
    this.watched = kernel;
    kernel.iopubMessage?.connect(this.heard);
  }

  /** A cell that ran may have loaded the extension. */
  private readonly heard = (_: unknown, message: { header: { msg_type: string } }): void => {
    if (message.header.msg_type === "execute_input") this.promising = true;
  };

  private become(liveness: Liveness): void {
    if (this.liveness === liveness) return;
    this.liveness = liveness;
    this.promising = true;
    this.changed(liveness);
  }
}
