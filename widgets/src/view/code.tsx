// The tab of code: the step's own, what changed in it, and that of its compensation.

import type { JSX } from "preact";
import type { Detail } from "../data.js";
import { Diff, Python } from "./text.js";

export function Code({ detail }: { detail: Detail }): JSX.Element {
  const changed = detail.difference?.code ?? [];
  return (
    <>
      <Python source={detail.source} />
      {changed.length > 0 && (
        <section>
          <h3>Changed since #{detail.difference!.execution}</h3>
          <Diff lines={changed} />
        </section>
      )}
      {detail.undo && (
        <section>
          <h3>Its compensation</h3>
          <Python source={detail.undo} />
        </section>
      )}
    </>
  );
}
