"""The smallest story that still goes wrong in the same way."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.peers.oracle.life import Server
from tests.peers.oracle.story import Failure, Teller, Version


def replay(versions: list[Version], server: Server, folder: Path) -> Failure | None:
    """Run these versions; what is wrong at the last one."""
    shutil.rmtree(folder, ignore_errors=True)
    teller = Teller(server, server, folder)
    try:
        for version in versions[:-1]:
            teller.live(version)
        if len(versions) > 1:
            teller.remember(versions[-2], *teller.plain(versions[-2]))
        failure = teller.run(versions[-1])
        if failure is not None:
            failure.versions = versions
        return failure
    finally:
        teller.close()


def shrink(failure: Failure, folder: Path, tries: int = 150) -> Failure:
    """Leave out runs, kills, cells and statements as long as it fails in the same way."""
    server = Server()
    try:
        return _shrunk(failure, server, folder, tries)
    finally:
        server.close()


def _shrunk(failure: Failure, server: Server, folder: Path, tries: int) -> Failure:
    best = failure
    left = tries

    def attempt(versions: list[Version]) -> bool:
        nonlocal best, left
        if left <= 0 or not versions:
            return False
        left -= 1
        found = replay(versions, server, folder)
        if found is None or (found.kind, found.error) != (failure.kind, failure.error):
            return False
        best = found
        return True

    progress = True
    while progress and left > 0:
        progress = False
        for candidates in (_fewer_runs, _fewer_kills, _fewer_cells, _fewer_statements):
            progress |= _descend(candidates, lambda: best.versions, attempt)
    return best


def _descend(
    candidates: Callable[[list[Version]], list[list[Version]]],
    now: Callable[[], list[Version]],
    attempt: Callable[[list[Version]], bool],
) -> bool:
    progress, tried = False, 0
    while True:
        found = candidates(now())
        if tried >= len(found):
            return progress
        if attempt(found[tried]):
            progress = True
        else:
            tried += 1


def _renewed(versions: list[Version]) -> list[Version]:
    """With what changed from version to version as it is now."""
    found: list[Version] = []
    for version in versions:
        changed: set[str] = set()
        if found:
            before, after = dict(found[-1].cells), dict(version.cells)
            for name in before.keys() | after.keys():
                a, b = before.get(name), after.get(name)
                if a is None or b is None or ast.dump(ast.parse(a)) != ast.dump(ast.parse(b)):
                    changed.add(name)
        found.append(replace(version, changed=frozenset(changed)))
    return found


def _fewer_runs(versions: list[Version]) -> list[list[Version]]:
    last, count = versions[-1], len(versions)
    found = [[versions[n], last] for n in range(count - 2, -1, -1)] if count > 2 else []
    found += [[last]] if count > 1 else []
    return [
        _renewed(v) for v in [*found, *(versions[:n] + versions[n + 1 :] for n in range(count - 1))]
    ]


def _fewer_kills(versions: list[Version]) -> list[list[Version]]:
    return [
        [*versions[:n], replace(v, kill=None), *versions[n + 1 :]]
        for n, v in enumerate(versions)
        if v.kill is not None
    ]


def _fewer_cells(versions: list[Version]) -> list[list[Version]]:
    names = list(dict.fromkeys(n for v in versions for n, _ in v.cells))
    found = []
    for size in (len(names) // 2, len(names) // 4, 1):
        for start in range(0, len(names), size or 1):
            gone = set(names[::-1][start : start + (size or 1)])
            made = [replace(v, cells=[c for c in v.cells if c[0] not in gone]) for v in versions]
            if all(v.cells for v in made):
                found.append(_renewed(made))
    return found


def _fewer_statements(versions: list[Version]) -> list[list[Version]]:
    """Each statement of each cell left out, in all versions that have it in that place."""
    found = []
    names = list(dict.fromkeys(n for v in versions for n, _ in v.cells))
    for name in names:
        most = max(len(ast.parse(s).body) for v in versions for n, s in v.cells if n == name)
        for number in range(most if most > 1 else 0):
            made = []
            for version in versions:
                cells = [(n, _without(s, number) if n == name else s) for n, s in version.cells]
                made.append(replace(version, cells=cells))
            if all(ast.parse(s).body for v in made for _, s in v.cells):
                found.append(_renewed(made))
    return found


def _without(source: str, number: int) -> str:
    nodes = ast.parse(source).body
    if number >= len(nodes):
        return source
    lines = source.splitlines()
    node = nodes[number]
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
    return "\n".join([*lines[: first - 1], *lines[(node.end_lineno or first) :]])
