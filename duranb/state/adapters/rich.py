"""rich: what a console keeps for each thread. (smolagents' agents hold a console.)"""

from __future__ import annotations

from typing import Any

from duranb.state.factory import Factory


def _describe(held: Any) -> dict[str, Any]:
    return {"theme_stack": held.theme_stack}


def _make(theme_stack: Any) -> Any:
    from rich.console import ConsoleThreadLocals

    return ConsoleThreadLocals(theme_stack=theme_stack)


FACTORIES = {"rich.console.ConsoleThreadLocals": Factory(_describe, _make, open=True)}
