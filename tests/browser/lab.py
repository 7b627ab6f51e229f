"""A real JupyterLab on a port of 127.0.0.1, and a notebook in it driven by its own commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import Locator, Page

from tests.servers import forks
from tests.servers.ports import free_port

SERVER = """
from tests.servers import forks
forks.install()
from jupyterlab.labapp import main
main()
"""
"""JupyterLab, whose kernels are forked. It finds these tests by its PYTHONPATH."""

READY = """async () => {
  const panel = window.jupyterapp?.shell.currentWidget;
  if (!panel?.sessionContext || !panel.content?.widgets?.length) return false;
  await panel.context.ready;
  await panel.sessionContext.ready;
  return panel.sessionContext.session?.kernel?.status === 'idle';
}"""

OPEN = """async (path) => {
  await window.jupyterapp.commands.execute('docmanager:open', { path });
  return window.jupyterapp.shell.currentWidget.context.path === path;
}"""

LEAVE = """async () => {
  const { shell, serviceManager } = window.jupyterapp;
  for (const widget of [...shell.widgets('main')]) {
    if (widget.context) widget.context.model.dirty = false;
    widget.close();
  }
  await serviceManager.sessions.shutdownAll();
}"""

RUN = """async (index) => {
  const { shell, commands } = window.jupyterapp;
  shell.currentWidget.content.activeCellIndex = index;
  shell.currentWidget.content.deselectAll();
  await commands.execute('notebook:run-cell');
}"""

START = """(index) => {
  const { shell, commands } = window.jupyterapp;
  shell.currentWidget.content.activeCellIndex = index;
  shell.currentWidget.content.deselectAll();
  void commands.execute('notebook:run-cell');
}"""

WATCH_RESTART = """() => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  window.restarted = false;
  let began = false;
  kernel.statusChanged.connect((_, status) => {
    began ||= status === 'restarting' || status === 'autorestarting';
    if (began && status === 'idle') window.restarted = true;
  });
}"""


class Lab:
    """One server with folders of its own; a context manager. Its process ends with it, by pid.

    ``folder`` is where notebooks are written: the one it was started in, until ``move_to``.
    """

    def __init__(self, folder: Path, env: dict[str, str] | None = None) -> None:
        self.folder = self._root = folder
        self._home = folder / ".jupyter-home"
        self._env = env or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Lab:
        settings = self._home / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        quiet = {"fetchNews": "false", "checkForUpdates": False}
        (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        own = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        forks.start()  # or it would have parents of its own
        env = {**os.environ, **{k: str(self._home / v) for k, v in own.items()}, **self._env}
        command = [
            *(sys.executable, "-c", SERVER, "--no-browser", "--allow-root"),
            *("--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
            *("--IdentityProvider.token=", "--ServerApp.password="),
            "--ServerApp.disable_check_xsrf=True",  # nobody but these tests is there
            *("--expose-app-in-browser", f"--ServerApp.root_dir={self._root}"),
        ]
        with (self._home / "lab.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, env=env, cwd=self._root, stdout=log, stderr=log, start_new_session=True
            )
        self._wait()
        return self

    def __exit__(self, *error: object) -> None:
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGTERM)  # it ends its kernels first
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/api/status", timeout=30).close()
                return
            except (urllib.error.URLError, OSError):
                assert self._process is not None
                assert self._process.poll() is None, (self._home / "lab.log").read_text()
                time.sleep(0.2)
        raise TimeoutError(f"JupyterLab did not answer: {(self._home / 'lab.log').read_text()}")

    def move_to(self, name: str) -> None:
        """Go on in a new folder, and leave no kernel behind."""
        with urllib.request.urlopen(f"{self.url}/api/sessions", timeout=300) as reply:
            sessions = json.load(reply)
        for session in sessions:
            ended = f"{self.url}/api/sessions/{session['id']}"
            urllib.request.urlopen(
                urllib.request.Request(ended, method="DELETE"), timeout=300
            ).close()
        self.folder = self._root / name
        self.folder.mkdir()

    def write(self, name: str, cells: list[str], kernel: str = "python3") -> Path:
        """Write a notebook of code cells."""
        code: list[dict[str, object]] = [
            {
                "cell_type": "code",
                "id": f"cell-{i}",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for i, source in enumerate(cells)
        ]
        spec = {"name": kernel, "display_name": kernel, "language": "python"}
        content = {"cells": code, "metadata": {"kernelspec": spec}, "nbformat": 4}
        path = self.folder / name
        path.write_text(json.dumps({**content, "nbformat_minor": 5}))
        return path

    def open(self, page: Page, name: str) -> Notebook:
        """Open a notebook of the folder and wait for its kernel."""
        path = (self.folder / name).relative_to(self._root).as_posix()
        if page.url.startswith(self.url):
            leave(page)
            assert page.evaluate(OPEN, path)
        else:
            page.goto(f"{self.url}/lab/tree/{path}?reset")
        page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.sessionContext")
        notebook = Notebook(page)
        notebook.wait_ready()
        return notebook


def leave(page: Page) -> None:
    """Close all notebooks of a page on which JupyterLab is, as they are on the disk."""
    page.evaluate(LEAVE)


class Notebook:
    """The notebook that is open on a page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def wait_ready(self) -> None:
        """Wait until the kernel is idle."""
        self.page.wait_for_function(READY)

    def run(self, index: int) -> None:
        """Run a cell and wait until it is done."""
        self.page.evaluate(RUN, index)

    def start(self, index: int) -> None:
        """Run a cell without waiting."""
        self.page.evaluate(START, index)

    def run_all(self) -> None:
        """*Run All Cells*, and wait until they are done."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        self.wait_ready()

    def index(self, cell: str) -> int:
        """Where the cell with an id is."""
        return int(
            self.page.evaluate(
                "id => window.jupyterapp.shell.currentWidget.content.widgets"
                ".findIndex(w => w.model.sharedModel.id === id)",
                cell,
            )
        )

    def write(self, index: int, source: str) -> None:
        """Replace a cell's text."""
        self.page.evaluate(
            "([index, source]) => window.jupyterapp.shell.currentWidget.content.widgets[index]"
            ".model.sharedModel.setSource(source)",
            [index, source],
        )

    def read(self, index: int) -> str:
        """A cell's text."""
        return str(
            self.page.evaluate(
                "index => window.jupyterapp.shell.currentWidget.content.widgets[index]"
                ".model.sharedModel.getSource()",
                index,
            )
        )

    def output(self, index: int) -> Locator:
        """A cell's output area."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-Cell-outputArea")

    def restart(self) -> None:
        """Restart the kernel through the menu, as a person does, and wait until it is back."""
        self.page.evaluate(WATCH_RESTART)
        self.page.click(".lm-MenuBar-item:has-text('Kernel')")
        self.page.click(".lm-Menu-item:has-text('Restart Kernel…') >> nth=0")
        self.page.click(".jp-Dialog button.jp-mod-warn")
        self.page.wait_for_function("() => window.restarted")
        self.wait_ready()
