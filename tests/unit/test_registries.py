"""What a step puts into a registry of a library is told, and what libraries note is not."""

from __future__ import annotations

import atexit
import codecs
import collections
import logging
import mimetypes
import re
import shutil
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from duranb.jupyter.registries import CONTAINERS, Registries


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What the tests register is taken out again."""
    kept = [logging._levelToName, logging._nameToLevel, shutil._ARCHIVE_FORMATS]  # type: ignore[attr-defined]
    before = [dict(each) for each in kept]
    yield
    for each, was in zip(kept, before, strict=True):
        each.clear()
        each.update(was)
    mimetypes.init()


def told(do: Callable[[], object], *texts: object, **given: Any) -> set[str]:
    """What is told of something that code did which spells out some texts."""
    registries = Registries({}, texts, **given)
    was = registries.read()
    do()
    found = set(registries.changed(was, registries.read()))
    assert all(map(registries.is_there, found))
    return found


def notebooks(*_: object) -> None:
    """Stands for a function that a notebook's cell defines."""


notebooks.__module__ = "__main__"


def test_the_notebooks_own_and_what_code_spells_out_are_told() -> None:
    """A function is named by its place and key, plain values as they are."""
    level = {"logging._levelToName[26] = 'TOLD'", "logging._nameToLevel[TOLD] = 26"}
    assert told(lambda: logging.addLevelName(26, "TOLD"), 26, "TOLD") == level
    archive = {"shutil._ARCHIVE_FORMATS[own]"}
    assert told(lambda: shutil.register_archive_format("own", notebooks)) == archive


def test_what_replaces_an_entry_or_the_container_is_told() -> None:
    """Of a module that the code names: there the entries themselves are compared."""
    mimetypes.init()

    def do() -> None:
        mimetypes.init()  # it makes the dict anew
        mimetypes.add_type("text/told", ".js")

    found = told(do, "text/told", ".js", modules=["mimetypes"])
    assert found == {"mimetypes.types_map[.js] = 'text/told'"}
    mimetypes.add_type("text/other", ".js")
    assert not Registries({}).is_there(*found)


def test_what_libraries_note_for_themselves_is_not_told() -> None:
    """Caches, classes of their own, and what no text of the code spells out."""
    assert told(lambda: re.compile("told (once|twice)"), "told (once|twice)") == set()
    assert told(lambda: logging.addLevelName(27, "SILENT")) == set()
    levels: Any = logging._levelToName
    assert told(lambda: levels.update({28: ["a list"]}), 28) == set()
    assert told(lambda: shutil.register_archive_format("more", shutil.move), "more") == set()


def test_a_library_that_is_loaded_meanwhile_registers_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What its modules put into others of its package as they are imported is no step's doing; what
    is the notebook's own is, in a module that is new too."""
    parent, child = types.ModuleType("xml.told"), types.ModuleType("xml.told.more")
    parent.FORMATS = {}  # type: ignore[attr-defined]
    child.__dict__["HANDLERS"] = [notebooks]
    for module in (parent, child):
        module.__file__ = collections.__file__
    monkeypatch.setitem(sys.modules, "xml.told", parent)
    CONTAINERS.sizes()

    def do() -> None:
        monkeypatch.setitem(sys.modules, "xml.told.more", child)
        parent.__dict__["FORMATS"]["PNG"] = "image/png"

    assert told(do, "PNG") == {"xml.told.more.HANDLERS[notebooks]"}


def test_a_registry_that_no_code_can_look_into_is_told_by_the_call() -> None:
    """A function written in C that registers something says so by its name."""
    live = {"codecs": codecs, "len": len, "exit_hooks": atexit, "mine": notebooks}
    calls = [("codecs", "register_error"), ("exit_hooks", "register"), ("len",), ("mine",)]
    registries = Registries(live, calls=calls)
    was = registries.read()
    found = {"codecs.register_error()", "exit_hooks.register()"}
    assert set(registries.changed(was, registries.read())) == found
    assert all(map(Registries({}).is_there, found))
