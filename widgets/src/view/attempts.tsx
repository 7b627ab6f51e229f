// The tab of attempts: why each failed, and how long the step waited before the next.

import "./attempts.css";
import type { JSX } from "preact";
import type { Detail } from "../data.js";
import { clock, took } from "../format.js";
import { toneOfCause } from "../tones.js";
import { Plain } from "./text.js";

export function Attempts({ detail }: { detail: Detail }): JSX.Element {
  if (!detail.attempts.length) return <p class="db-note">It made no attempt.</p>;
  return (
    <ol class="db-attempts">
      {detail.attempts.map((attempt) => (
        <li class={attempt.cause ? toneOfCause(attempt.cause) : "db-tone-green"}>
          <p>
            <b>Attempt {attempt.number}</b> <small>{clock(attempt.started)}</small>{" "}
            {attempt.ended ? <small>{took(attempt.ended - attempt.started)}</small> : <small>not over</small>}{" "}
            {attempt.cause && <small class={`db-chip ${toneOfCause(attempt.cause)}`}>{attempt.cause}</small>}
          </p>
          {attempt.type && (
            <>
              <p>
                <b>{attempt.type}</b>
              </p>
              {attempt.message && <Plain text={attempt.message} />}
              {attempt.traceback && (
                <details>
                  <summary>Traceback</summary>
                  <Plain text={attempt.traceback} />
                </details>
              )}
            </>
          )}
          {(attempt.wait ?? -1) >= 0 && <p class="db-pause">waited {took(attempt.wait! * 1e6)} before the next</p>}
        </li>
      ))}
    </ol>
  );
}
