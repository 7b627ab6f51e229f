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
          <h4>Changed since #{detail.difference!.execution}</h4>
          <Diff lines={changed} />
        </section>
      )}
      {detail.undo && (
        <section>
          <h4>Its compensation</h4>
          <Python source={detail.undo} />
        </section>
      )}
    </>
  );
}
