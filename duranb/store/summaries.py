"""Views over the tables of the history, for what people ask most often in SQL.

They say in one line each what :mod:`duranb.store.tables` has in many; nothing is decided here.
"""

from __future__ import annotations

VIEWS = {
    "runs": """
SELECT run, min(started) AS started, max(coalesce(ended, started)) AS latest,
       count(*) AS executions, count(DISTINCT step) AS steps,
       coalesce(sum(calls), 0) AS calls, coalesce(sum(tokens), 0) AS tokens,
       coalesce(sum(cost), 0) AS cost, coalesce(sum(unpriced), 0) AS unpriced
FROM executions GROUP BY run
""",
    "steps": """
SELECT step, any_value(kind) AS kind, arg_max(status, execution) AS status,
       arg_max(origin, execution) AS origin, count(*) AS executions, max(execution) AS latest,
       arg_max(ended, execution) AS ended, sum(calls) AS calls, sum(tokens) AS tokens,
       sum(cost) AS cost, sum(unpriced) AS unpriced
FROM executions WHERE run = (SELECT run FROM history) AND kind <> 'compensation' GROUP BY step
""",
    "items": """
WITH maps AS (
  SELECT c.*, x.run, coalesce(c.ended, 'infinity'::TIMESTAMP) AS until,
         lead(c.call) OVER (PARTITION BY x.run, c.step, c.item ORDER BY c.call) AS later
  FROM calls c JOIN executions x ON x.execution = c.execution WHERE c.kind = 'map'
), paid AS (
  SELECT m.call AS made, c.cost
  FROM (
    SELECT c.*, x.run, coalesce(c.started, c.ended) AS began
    FROM calls c JOIN executions x ON x.execution = c.execution WHERE c.kind = 'llm'
  ) c
  ASOF JOIN maps m
    ON c.run = m.run AND c.step = m.step AND c.item = m.item AND c.began <= m.until
)
SELECT m.execution, m.step, m.name AS map, m.preview AS item, m.status, m.started, m.ended,
       m.error, m.message, count(p.made) AS calls, coalesce(sum(p.cost), 0) AS cost, m.call,
       m.later IS NOT NULL AS retried
FROM maps m LEFT JOIN paid p ON p.made = m.call GROUP BY ALL
""",
    "effects": """
SELECT call, execution, step, name, status, started, ended, preview, error, message, reason,
       idempotency_key
FROM calls WHERE kind = 'effect'
""",
    "questions": """
SELECT call, execution, step, split_part(preview, ' → ', 1) AS question, status, answer,
       answered_by, why, started AS asked, ended AS answered
FROM calls WHERE kind = 'ask'
""",
    "costs": """
SELECT x.run, c.step, c.model, CAST(c.started AS DATE) AS day, count(*) AS calls,
       sum(c.input_tokens) AS input_tokens, sum(c.output_tokens) AS output_tokens,
       sum(c.cached_tokens) AS cached_tokens, coalesce(sum(c.cost), 0) AS cost,
       count(*) FILTER (c.cost IS NULL) AS unpriced
FROM calls c JOIN executions x ON x.execution = c.execution
WHERE c.kind = 'llm' AND c.status IN ('completed', 'rejected') GROUP BY ALL
""",
}
"""By name. Columns of money are US dollars, times are UTC."""
