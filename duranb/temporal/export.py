"""``--target temporal``: a folder with all that a worker needs."""

from __future__ import annotations

import platform
from pathlib import Path

from duranb.errors import UsageError
from duranb.export import ExportError, export as exported, graph_of
from duranb.export.layout import line
from duranb.plan import Plan, dump
from duranb.temporal.worker import PLAN

_COMPOSE = """\
# {title}: Temporal, and workers that run the notebook's nodes.
#
#   export DURANB_KEY=$(python -c "import secrets; print(secrets.token_hex(32))")   # keep it
#   docker compose up -d --scale worker=3
#   docker compose run --rm worker start . RUN -p NAME=VALUE
#   docker compose run --rm worker status RUN
#   docker compose run --rm worker answer RUN QUESTION VALUE
#
# The server here is Temporal's development server, with its state in a volume. In production let
# TEMPORAL_ADDRESS (TEMPORAL_NAMESPACE, TEMPORAL_API_KEY) point at your cluster, and DURANB_BUCKET
# at s3://BUCKET/PATH, gs://BUCKET/PATH or az://CONTAINER/PATH, with the cloud's own variables for
# credentials. Whatever else the steps read from the environment goes below too.
services:
  temporal:
    image: temporalio/temporal
    command: server start-dev --ip 0.0.0.0 --db-filename /state/temporal.db
    ports: ["127.0.0.1:8233:8233"]
    volumes: ["temporal:/state"]
    restart: unless-stopped
  worker:
    build: .
    command: worker .
    environment:
      TEMPORAL_ADDRESS: temporal:7233
      DURANB_BUCKET: ${{DURANB_BUCKET:-/bucket}}
      DURANB_KEY: ${{DURANB_KEY:?workers share a key}}
      OPENAI_API_KEY:
      OPENAI_BASE_URL:
    volumes: ["bucket:/bucket"]
    depends_on: [temporal]
    restart: unless-stopped
volumes:
  temporal:
  bucket:
"""

_DOCKERFILE = """\
FROM python:{python}-slim
WORKDIR /notebook
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
ENTRYPOINT ["python", "-m", "duranb.temporal"]
"""

_REQUIREMENTS = """\
# What the notebook imports besides duranb goes here.
duranb[temporal]
"""

OWN = ("Dockerfile", "requirements.txt")
"""Files that are their owner's once they are there: exporting again leaves them alone."""


def write(notebook: Path, folder: Path | None) -> list[Path]:
    """Export a notebook to a folder; the files that were written.

    Raises :class:`duranb.export.ExportError` for what cannot leave the notebook, and
    :class:`UsageError` where there is no folder.
    """
    if folder is None:
        raise UsageError("--target temporal writes several files: -o FOLDER says where")
    plan = planned(notebook)
    texts = {
        f"{plan.module}.py": exported(notebook, "steps"),
        PLAN: dump(plan).decode(),
        "compose.yaml": _COMPOSE.format(title=line(plan.title or notebook.name)),
        "Dockerfile": _DOCKERFILE.format(python=".".join(platform.python_version_tuple()[:2])),
        "requirements.txt": _REQUIREMENTS,
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in texts.items():
        file = folder / name
        if name not in OWN or not file.exists():
            file.write_text(text, encoding="utf-8")
            written.append(file)
    return written


def planned(notebook: Path) -> Plan:
    """The plan of a notebook as it is now. Raises :class:`duranb.export.ExportError` for what
    cannot leave the notebook."""
    plan = graph_of(notebook).plan
    _check(plan)
    return plan


def _check(plan: Plan) -> None:
    """Raise :class:`ExportError` where a value that the recorded run could not store would go from
    one worker to another."""
    for node in plan.nodes:
        for name, why in node.unstorable.items():
            for reader in plan.nodes:
                if plan.sources[reader.name].get(name) == node.name:
                    raise ExportError(
                        f"{node.label}: step {node.name!r} gives {name!r} to step "
                        f"{reader.name!r}, and the recorded run could not store it ({why}). On "
                        "Temporal values go from one worker to another: make it in the step that "
                        "uses it, or in a plain cell above the first step"
                    )
