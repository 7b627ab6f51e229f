"""The front end's types are what Python sends."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from duranb.timelines import wire


def test_generated_types_are_up_to_date() -> None:
    """The file in the front end is what the structs say today."""
    assert wire.FILE.read_text(encoding="utf-8") == wire.typescript()


def test_check_fails_for_a_stale_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--check`` ends with an error where a struct has moved on, and writing mends it."""
    monkeypatch.setattr(wire, "FILE", tmp_path / "wire.ts")
    with pytest.raises(SystemExit, match="is not what the structs say"):
        wire.main(["--check"])
    wire.main([])
    wire.main(["--check"])


def test_defaulted_fields_are_optional_where_they_are_left_out() -> None:
    """What omits its defaults on the wire has them optional, and only then."""

    class Part(msgspec.Struct, omit_defaults=True):
        """A part."""

        name: str
        size: int | None = None

    class Whole(msgspec.Struct):
        """All of it."""

        count: int = 0

    assert list(wire.fields_of(Part)) == ["name: string", "size?: number | null"]
    assert list(wire.fields_of(Whole)) == ["count: number"]
