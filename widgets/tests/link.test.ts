import assert from "node:assert/strict";
import { deflateSync } from "node:zlib";
import { mock, test } from "node:test";
import type { TestContext } from "node:test";
import type { Column, Sent as SentUpdate, Update } from "../src/data.js";
import { FileLink, KernelLink } from "../src/link.js";
import type { Liveness, Model } from "../src/link.js";
import { sent, update } from "./made.js";

type Sent = Record<string, unknown>;

/** An update as Python sends it. */
function inColumns({ rows, ...about }: Update): SentUpdate {
  const fields: Record<string, Column> = {
    id: { type: "plain", values: rows.map((row) => row.id) },
    step: { type: "plain", values: rows.map((row) => row.step) },
  };
  return { count: rows.length, columns: { type: "records", fields }, about };
}

/** JSON, packed. */
const deflated = (value: unknown): Uint8Array => Uint8Array.from(deflateSync(JSON.stringify(value)));
type Receive = (content: unknown, buffers: DataView[]) => void;

/** A widget's model whose kernel is the test. */
class TestModel {
  readonly sent: Sent[] = [];
  readonly receivers = new Set<Receive>();
  comm_live = true;
  widget_manager: unknown;

  get = (key: string): unknown => (key === "key" ? "the-key" : undefined);
  send = (content: unknown): void => void this.sent.push(content as Sent);
  on = (_: string, receive: Receive): void => void this.receivers.add(receive);
  off = (_: string, receive?: Receive): void => void (receive && this.receivers.delete(receive));

  /** The kernel says something: JSON in one buffer. */
  say(content: Sent, message: unknown): void {
    const bytes = new TextEncoder().encode(JSON.stringify(message));
    for (const receive of this.receivers) receive(content, [new DataView(bytes.buffer)]);
  }

  answer(result: unknown): void {
    const { id } = this.sent.at(-1)!;
    this.say({ id: id as string }, { id, result });
  }
}

/** A link to a model, on a clock that the test moves; `manager` finds the model that is `found`. */
function linked(t: TestContext): { model: TestModel; link: KernelLink; found: { model: TestModel | null }; kernel: { status: string } } {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const gone = new AbortController();
  t.after(() => {
    gone.abort();
    mock.timers.reset();
  });
  const model = new TestModel();
  const found: { model: TestModel | null } = { model };
  const kernel = { status: "idle", connectionStatus: "connected" };
  model.widget_manager = {
    kernel,
    get_model: () => (found.model ? Promise.resolve(found.model) : Promise.reject(new Error("no such model"))),
    _create_comm: () => Promise.resolve(),
  };
  return { model, link: new KernelLink(model as unknown as Model, gone.signal), found, kernel };
}

/** Let the link look for its model, and what it then awaits come to pass. */
async function look(): Promise<void> {
  mock.timers.tick(1500);
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

test("a request is answered by the reply with its id", async (t) => {
  const { model, link } = linked(t);
  const first = link.request("detail", { execution: 1 });
  const second = link.request("detail", { execution: 2 });
  const [one, two] = model.sent.map(({ id }) => id as string);
  model.say({ id: two! }, { result: "two" });
  model.say({ id: one! }, { result: "one" });
  assert.deepEqual(await Promise.all([first, second]), ["one", "two"]);
});

test("what the kernel refuses is told in its sentence", async (t) => {
  const { model, link } = linked(t);
  const asked = link.request("preview");
  model.say({ id: model.sent[0]!["id"] as string }, { error: "there is no step x" });
  await assert.rejects(asked, { message: "there is no step x" });
});

test("a kernel that does not answer is not waited for without end", async (t) => {
  const { link } = linked(t);
  const asked = link.request("detail");
  mock.timers.tick(20_000);
  await assert.rejects(asked, /is it busy/);
});

test("what changes the notebook waits for the running cell, however long that takes", async (t) => {
  const { model, link } = linked(t);
  const asked = link.request("apply");
  mock.timers.tick(20_000 * 100);
  model.answer("rewound");
  assert.equal(await asked, "rewound");
});

test("news arrive without having been asked for", (t) => {
  const { model, link } = linked(t);
  const heard: Update[] = [];
  link.onUpdate((news) => heard.push(news));
  model.say({ push: "rows" }, inColumns(update(3, [])));
  assert.deepEqual(heard.map((news) => news.seq), [3]);
});

test("a kernel that is gone is noticed, and what it was asked is given up", async (t) => {
  const { link, found } = linked(t);
  const changes: Liveness[] = [];
  link.onLiveness((liveness) => changes.push(liveness));
  const asked = assert.rejects(link.request("apply"), /ended before it answered/);
  found.model = null;
  await look();
  await asked;
  assert.deepEqual(changes, ["lost"]);
  await assert.rejects(link.request("detail"), /not connected/);
});

test("a kernel that died is noticed although its model is still there", async (t) => {
  const { link, kernel } = linked(t);
  kernel.status = "dead";
  await look();
  assert.equal(link.liveness, "lost");
});

test("after a restart the new kernel's model is used, and the old one is not heard", async (t) => {
  const { model, link, found } = linked(t);
  await look();
  found.model = null;
  await look();
  const fresh = new TestModel();
  found.model = fresh;
  await look();
  assert.equal(link.liveness, "live");
  const asked = link.request("detail");
  assert.deepEqual([model.sent.length, model.receivers.size], [0, 0]);
  fresh.answer("from the new one");
  assert.equal(await asked, "from the new one");
});

/** A page with these elements, by selector: bytes are packed data. */
const page = (elements: Record<string, unknown>): Document =>
  ({
    querySelector: (selector: string) => {
      const found = elements[selector.replace("script", "")];
      if (found === undefined) return null;
      const packed = found instanceof Uint8Array;
      return {
        textContent: packed ? btoa(String.fromCharCode(...found)) : JSON.stringify(found),
        getAttribute: () => (packed ? "application/octet-stream" : "application/json"),
      };
    },
  }) as unknown as Document;

test("a file answers from the data that is inlined in it", async () => {
  const rows = inColumns(update(3, [sent(1)]));
  const link = new FileLink(page({ "#duranb-rows": rows, '[data-execution="3"]': "three", '[data-call="5"]': "five" }));
  const asked = [link.request<Update>("rows"), link.request("detail", { execution: 3 }), link.request("call", { call: 5 })] as const;
  const [found, ...others] = await Promise.all(asked);
  assert.deepEqual([found.seq, found.rows.map((row) => row.id), others], [3, [1], ["three", "five"]]);
});

test("rows that are packed are read, from a file and from a kernel", async (t) => {
  const rows = inColumns(update(3, [sent(1), sent(2)]));
  const inFile = new FileLink(page({ "#duranb-rows": deflated(rows) }));
  const { model, link } = linked(t);
  const asked = link.request<Update>("rows");
  const { id } = model.sent[0]!;
  const bytes = deflated({ id, result: rows });
  for (const receive of model.receivers) receive({ id, packed: true }, [new DataView(bytes.buffer)]);
  for (const found of [await asked, await inFile.request<Update>("rows")])
    assert.deepEqual(found.rows.map((row) => row.step), ["step_1", "step_2"]);
});

test("what was left out of a file is said to be", async () => {
  await assert.rejects(new FileLink(page({})).request("detail", { execution: 3 }), /not in the file/);
});

test("a file does nothing", async () => {
  await assert.rejects(new FileLink(page({})).request("apply", { do: "rewind" }));
});
