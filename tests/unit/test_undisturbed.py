"""What a value reads once, when it is first looked at, is there for whoever looks at it later."""

from __future__ import annotations

import pytest

from tests.unit.fresh import Case, look
from tests.unit.test_state import Kernel

PICTURE = (
    "from PIL import Image\nimport io\ndef data(form):\n    b = io.BytesIO()\n"
    "    Image.new('RGB', (4, 4), (9, 8, 7)).save(b, form)\n    return b.getvalue()\n"
)
SHOWN = "i.size, i.getpixel((1, 1)), i.format"

CASES = [
    *(
        Case(
            f"{form}_in_a_file",
            f"{PICTURE}open('q.{form}', 'wb').write(data('{form}'))\ni = Image.open('q.{form}')",
            SHOWN,
            needs="PIL",
        )
        for form in ("PNG", "JPEG", "TIFF", "WEBP")
    ),
    *(
        Case(
            f"{form}_in_memory",
            f"{PICTURE}i = Image.open(io.BytesIO(data('{form}')))",
            SHOWN,
            needs="PIL",
        )
        for form in ("PNG", "JPEG", "GIF", "WEBP")
    ),
    Case(
        "closes_its_file",
        "import io\nclass Text:\n    text = None\n"
        "    def __init__(self): self.file = io.StringIO('a')\n"
        "    def read(self):\n        if self.text is None:\n"
        "            self.text = self.file.read()\n            self.file.close()\n"
        "        return self.text\n    def __getstate__(self): return {'text': self.read()}\n"
        "t = Text()",
        "t.read()",
    ),
    Case(
        "counts_with_a_file_closed_before",
        "import io\nclass Counts:\n    looks = 0\n"
        "    def __init__(self):\n        self.file = io.StringIO('a')\n        self.file.close()\n"
        "    def __getstate__(self):\n        self.looks += 1\n        return {'file': None}\n"
        "c = Counts()",
        "c.looks",
    ),
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What was seen of all of them."""
    return look(CASES, tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_look_takes_nothing_away(case, seen):
    """A picture that is open and not loaded yet can be used after it was stored, in the process
    that opened it and in a new one."""
    if case.needs:
        pytest.importorskip(case.needs)
    said = seen[case.name]
    assert "Error" not in said.made
    assert said.missing == said.versions == []
    assert said.found == said.made


def test_looking_at_an_instance_leaves_nothing_in_its_class() -> None:
    """``dir(…)`` shows what it shows without a look; slots, private ones too, come back."""
    code = "class A:\n    __slots__ = ('x', '__hidden', '__dict__')\n"
    code += "class B(A): pass\na = B(); a.x = 1"
    first = Kernel()
    exec(code, plain := {"__name__": "__main__"})
    delta = first.run(f"{code}\na._A__hidden = 2; a.y = 3")
    second = Kernel(first.artifacts)
    second.namespace.restore(delta.changed)
    found = second["a"]
    assert (found.x, found._A__hidden, found.y) == (1, 2, 3)
    for each in (first["a"], found):
        assert [n for n in dir(each) if n != "y"] == dir(plain["a"])
