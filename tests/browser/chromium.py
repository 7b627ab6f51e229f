"""Finds Chromium for the browser tests, or installs it: ``python chromium.py`` prints its path.

Looked for, in this order: ``$CHROMIUM``, ``chromium``, ``google-chrome`` and their like on PATH,
``/usr/bin/chromium``. Root on a Debian system gets it from apt; anyone else one plain sentence.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "chrome")
PLACES = (
    "/usr/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""How to start it: without a sandbox (containers have none), and without calling home."""

MISSING = (
    "the browser tests need Chromium and found none: install it (Debian: apt-get install "
    "chromium; macOS: brew install --cask chromium), or set CHROMIUM=/path/to/chromium"
)


def find() -> str:
    """Chromium's path, or an empty string."""
    named = os.environ.get("CHROMIUM", "")
    if named:
        return shutil.which(named) or ""
    for name in (*NAMES, *PLACES):
        if found := shutil.which(name):
            return found
    return ""


def install() -> None:
    """Try to get it from apt, where that can work; what apt says goes to stderr."""
    debian = Path("/etc/debian_version").exists() and shutil.which("apt-get")
    if not debian or os.geteuid() != 0 or os.environ.get("CHROMIUM"):
        return
    print("installing Chromium for the browser tests (apt-get install chromium)", file=sys.stderr)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-q"], ["install", "-y", "-q", "chromium"]):
        subprocess.run(["apt-get", *command], env=quiet, stdout=sys.stderr, check=False)


if __name__ == "__main__":
    if not find():
        install()
    path = find()
    if not path:
        sys.exit(MISSING)
    print(path)
