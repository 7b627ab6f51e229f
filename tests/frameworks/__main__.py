"""``python -m tests.frameworks [NAME…]``: what becomes of the frameworks' agents, as a table.

Run it with the environment of ``make frameworks``. All frameworks together are written into the
project's README; some of them are only printed. What was found in full is in
``.frameworks/results/NAME.json``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from tests.frameworks import program, table
from tests.frameworks.server import StandIn
from tests.frameworks.story import Fault, Story

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / ".frameworks" / "results"
README = ROOT / "README.md"
BEGIN, END = "<!-- frameworks -->", "<!-- /frameworks -->"

PACKAGES = {
    "autogen": "autogen-agentchat",
    "langgraph_interrupt": "langgraph",
    "langgraph_store": "langgraph",
    "llama_index": "llama-index-core",
    "mistral": "mistralai",
    "openai_agents_methods": "openai-agents",
    "pydantic_ai": "pydantic-ai-slim",
    "pydantic_ai_mcp": "pydantic-ai-slim",
}


def tell(name: str, keep: Path | None) -> dict[str, object]:
    """One framework's result."""
    folder = keep / name if keep else Path(tempfile.mkdtemp(prefix=f"duranb-{name}-"))
    with StandIn() as server:
        story = Story(program.load(name), server, folder)
        broken = ""
        try:
            story.tell()
        except Fault as fault:
            broken = str(fault)
    if keep is None:
        shutil.rmtree(folder)
    return {
        "framework": name,
        "version": metadata.version(PACKAGES.get(name, name.replace("_", "-"))),
        "program": broken,
        "verified": story.verified,
        "outcomes": {each: asdict(outcome) for each, outcome in story.outcomes.items()},
    }


def into_readme(text: str) -> None:
    """Put the table where the README has it."""
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


def main() -> int:
    """Exit code 1 when something is not as it has to be."""
    parser = argparse.ArgumentParser(prog="python -m tests.frameworks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a program; else all of them")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="leave notebooks and stores there"
    )
    given = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    results = []
    for name in given.names or program.names():
        result = tell(name, given.keep)
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1))
        results.append(result)
        print(table.faults(result), flush=True)
    text = table.markdown(results)
    print(text)
    if not given.names:
        into_readme(text)
    return int(not all(table.green(result) for result in results))


if __name__ == "__main__":
    raise SystemExit(main())
