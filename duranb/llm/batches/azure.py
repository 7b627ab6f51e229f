"""Azure OpenAI's batch API: OpenAI's, with deployments in the place of models.

Its deployments for batches are others than those that answer at once: one that is none refuses the
batch, and its requests are made as usual.
"""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import msgspec

from duranb.llm.batches.openai import OpenAI
from duranb.llm.batches.providers import Place, Refused, Wire, message_of
from duranb.llm.identity import Asked

_PATH = re.compile(
    r"(.*/openai)(?:(/v1)|/deployments/([^/]+))(/(?:chat/completions|completions|responses|embeddings))$"
)
_QUERY = re.compile(r"(?:api-version=[\w.-]+)?")
_HOSTS = ".azure.com"

_SOON = 0.2
_LONGEST = 5.0
_PATIENCE = 600.0
"""Seconds between two looks at a file that is not processed yet: at first, at most, and in all."""


class Azure(OpenAI):
    """Requests for one deployment in a batch."""

    most = 100_000

    def place(self, asked: Asked) -> tuple[str, str] | None:
        """See :class:`Provider`."""
        split = urlsplit(asked.url)
        found = _PATH.match(split.path)
        if found is None or not _QUERY.fullmatch(split.query):
            return None
        before, version, deployment, path = found.groups()
        if version and not (split.hostname or "").endswith(_HOSTS):
            return None  # others that speak as OpenAI does have such paths too
        base = f"{split.scheme}://{split.netloc}{before}{version or ''}"
        query = split.query and f"?{split.query}"
        return base + query, path if version else f"/deployments/{deployment}{path}"

    def _endpoint(self, place: Place) -> str:
        path = place.path
        if path.startswith("/deployments/"):
            path = "/" + path.split("/", 3)[3]
        return f"/v1{path}" if path == "/responses" else path

    def _body(self, place: Place, body: bytes) -> bytes:
        """The deployment is in the body: no path says it."""
        if "/deployments/" not in place.path:
            return body
        deployment = unquote(place.path.split("/")[2])
        asked = msgspec.json.decode(body)
        if asked.get("model") == deployment:
            return body
        return msgspec.json.encode({**asked, "model": deployment})

    def _await(self, wire: Wire, uploaded: dict[str, Any]) -> None:
        until, pause, found = time.monotonic() + _PATIENCE, _SOON, uploaded
        while found.get("status") in ("pending", "running", "uploaded"):
            if time.monotonic() > until:
                return  # the submission says what is wrong with it
            time.sleep(pause)
            pause = min(_LONGEST, pause * 2)
            found = wire.ask("GET", f"/files/{quote(uploaded['id'])}")
        if found.get("status") == "error":
            why = message_of(found.get("status_details") or found.get("error"))
            raise Refused(400, why or "the file of requests cannot be processed")
