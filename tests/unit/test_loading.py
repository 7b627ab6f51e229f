"""The modules that a cell's own import statements load."""

from __future__ import annotations

import ast

import pytest

from duranb.code.loading import Import, again, of_cell, of_source


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import a", ""),
        ("import a.b, c, d.e as f", "a.b d.e"),
        ("from a.b import c\nfrom a import d\nfrom . import g", "a.b"),
        ("def f():\n    import a.b\nx = lambda: __import__('c.d')", ""),
        ("if x:\n    import a.b", ""),
        ("with x:\n    import a.b", "a.b"),
        ("try:\n    import a.b\nexcept ImportError:\n    import c.d", "a.b? c.d?"),
        ("try:\n    pass\nfinally:\n    import c.d", "c.d"),
        ("import a.b\nimport a.b", "a.b"),
    ],
)
def test_what_a_cell_loads(source: str, modules: str) -> None:
    """Modules below a package, without what only functions and conditions load; where a cell goes
    on without one, that is known."""
    expected = tuple(Import(each.strip("?"), not each.endswith("?")) for each in modules.split())
    assert of_cell(ast.parse(source)) == expected
    assert of_source(source) == expected


def test_a_cell_with_magics_is_read() -> None:
    """As far as the rest of it is Python."""
    assert of_source("%matplotlib inline\nimport a.b\n!ls") == (Import("a.b", True),)
    assert of_source("%%bash\nimport a.b is no statement") == ()


def test_what_cannot_be_loaded_is_named() -> None:
    """With why; where the cell went on without it, nothing is said."""
    (said,) = again([Import("json.nothing", True), Import("json.none", False)])
    assert said.startswith("the module json.nothing (ModuleNotFoundError: ")
    assert again([Import("json.decoder", True)]) == []
