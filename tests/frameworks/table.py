"""The table of frameworks, and the sentences about what is wrong in it."""

from __future__ import annotations

from typing import Any

COLUMNS = (
    "run",
    "killed in turn one",
    "killed between turns",
    "rewound",
    "restarted",
    "restarted, rewound",
    "verify --replay",
    "duranb test",
    "edited",
    "edited, restarted",
)

SHOWN = 500
"""Characters of a fault that are printed: all of it is in the results."""


def green(result: dict[str, Any]) -> bool:
    """Whether all is as it has to be. A refusal is honest, and still not what was wanted."""
    found = result["outcomes"]
    return not result["program"] and all(
        name in found and not found[name]["fault"] for name in COLUMNS
    )


def markdown(results: list[dict[str, Any]]) -> str:
    """The table."""
    lines = ["| | " + " | ".join(COLUMNS) + " |", "|---|" + "---|" * len(COLUMNS)]
    for result in results:
        cells = [_mark(result, column) for column in COLUMNS]
        lines.append(f"| {result['framework']} {result['version']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _mark(result: dict[str, Any], column: str) -> str:
    outcome = result["outcomes"].get(column)
    if outcome is None:
        return "-"
    mark = "✓" if not outcome["fault"] else "refused" if outcome["refused"] else "✗"
    return f"{mark} {result['verified']}" if column == "verify --replay" else mark


def faults(result: dict[str, Any]) -> str:
    """What is wrong with one framework, a paragraph each."""
    lines = [f"== {result['framework']} {result['version']}"]
    if result["program"]:
        lines.append(f"the program itself fails: {result['program']}")
    lines += [
        f"-- {name}: {outcome['fault'][:SHOWN]}"
        for name, outcome in result["outcomes"].items()
        if outcome["fault"]
    ]
    return "\n".join(lines if len(lines) > 1 else [f"{lines[0]}: all as it has to be"])
