import { useEffect, useReducer, useRef, useState } from "preact/hooks";
import type { RefObject } from "preact";
import { toDetail } from "../data.js";
import type { Detail, Row } from "../data.js";
import type * as wire from "../wire.js";
import type { State } from "../state.js";

/** Render again whenever the state announces a change, at most once a frame. */
export function useChanges(state: State): void {
  const [, render] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    let frame = 0;
    const off = state.subscribe(() => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        render(undefined);
      });
    });
    return () => {
      off();
      cancelAnimationFrame(frame);
    };
  }, [state]);
}

/** Render again every `ms` while `when` holds. */
export function useTicking(when: boolean, ms: number): void {
  const [, render] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    if (!when) return undefined;
    const timer = setInterval(() => render(undefined), ms);
    return () => clearInterval(timer);
  }, [when, ms]);
}

/** The size of an element's content box, in pixels. */
export function useSize(ref: RefObject<HTMLElement | null>): { width: number; height: number } {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    if (!ref.current) return undefined;
    const observer = new ResizeObserver((entries) => {
      const box = entries[entries.length - 1]!.contentRect;
      setSize({ width: box.width, height: box.height });
    });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [ref]);
  return size;
}

const REFRESH_EVERY = 700;

/** The inspector's view of a row: asked for again when the row changes, the old one shown till then. */
export function useDetail(state: State, row: Row | undefined): { detail: Detail | null; error: string } {
  const [found, setFound] = useState<{ of: number; detail: Detail | null; error: string }>({ of: 0, detail: null, error: "" });
  const last = useRef(0);
  useEffect(() => {
    if (!row) return undefined;
    let stop = false;
    const ask = (): void => {
      last.current = Date.now();
      state.link.request<wire.Detail>("detail", { execution: row.id }).then(
        (sent) => stop || setFound({ of: row.id, detail: toDetail(sent), error: "" }),
        (error: Error) => stop || setFound({ of: row.id, detail: null, error: error.message }),
      );
    };
    const wait = found.of === row.id ? last.current + REFRESH_EVERY - Date.now() : 0;
    const timer = setTimeout(ask, Math.max(0, wait));
    return () => {
      stop = true;
      clearTimeout(timer);
    };
  }, [state, row]);
  return row && found.of === row.id ? found : { detail: null, error: "" };
}
