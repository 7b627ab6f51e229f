"""What a step sets beside its variables is set again where it is restored."""

from __future__ import annotations

import socket
import sys
import types

import pytest

from duranb.engine.settings import Settings, Standing
from duranb.engine.settings.settable import LIBRARIES, Group
from tests.kernel.harness import Kernel

CELLS = [
    "import decimal, os, warnings\ndecimal.getcontext().prec = 5\nimport matplotlib.pyplot as plt\n"
    "import numpy as np\nimport pandas as pd\n"
    "from cycler import cycler\nplt.style.use('ggplot')\n"
    "plt.rc('axes', prop_cycle=cycler('color', ['r', 'b']))",
    "np.set_printoptions(precision=2, threshold=np.inf)\nnp.seterr(over='raise')\n"
    "pd.set_option('display.max_rows', 3)",
    "warnings.filterwarnings('ignore', message='x.*')\n"
    "warnings.simplefilter('ignore', DeprecationWarning)",
    "import logging, sys\nlogging.basicConfig(level=logging.INFO, format='%(message)s!')\n"
    "logging.getLogger('chatty').setLevel(logging.ERROR)\n"
    "logging.getLogger('mine').addHandler(logging.StreamHandler(sys.stdout))\n"
    "logging.getLogger('mine').propagate = False",
    "os.makedirs('sub', exist_ok=True)\nopen('sub/below.py', 'w').write('n = 3')\n"
    "sys.path.insert(0, os.path.abspath('sub'))\nimport below",
    "!exit 4",
    "cd sub",
    "%alias greet echo hello %l\n%precision 3",
    "%config InlineBackend.figure_format = 'svg'\n%config InlineBackend.close_figures = False",
    "%load_ext autoreload\nget_ipython().ast_node_interactivity = 'all'",
]

LOOK = """
from matplotlib_inline.config import InlineBackend
inline, shell = InlineBackend.instance(), get_ipython()
print(
    {k: v for k, v in plt.rcParams.items() if k != 'backend'},
    np.get_printoptions(), np.geterr()['over'],
    pd.get_option('display.max_rows'), warnings.filters[:2],
    os.path.basename(os.getcwd()), inline.figure_formats, inline.close_figures,
    shell.ast_node_interactivity, sorted(shell.extension_manager.loaded),
    shell.display_formatter.formatters['text/plain'].float_format,
    dict(shell.alias_manager.aliases)['greet'], _exit_code, below.n,
    [h.formatter._fmt for h in logging.getLogger().handlers], logging.getLogger().level,
    logging.getLogger('chatty').level, logging.getLogger('mine').propagate,
    [h.stream is sys.stdout for h in logging.getLogger('mine').handlers], decimal.getcontext().prec,
)
"""


def test_settings_are_set_again(kernel: Kernel) -> None:
    """Libraries, the shell, warnings and the folder are as they were, and a cell that is edited
    then runs under them; what no cell set, restoring leaves alone."""
    pytest.importorskip("matplotlib")
    steps = [f"%%durable cell_{n}\n{cell}" for n, cell in enumerate(CELLS)]
    for step in steps:
        assert kernel.run(step).error is None
    seen = kernel.run(LOOK).stdout
    assert "'sub'" not in seen and " sub " in seen and "{'svg'} False all" in seen
    kernel.kill()
    kernel.start()
    kernel.run("import numpy\nnumpy.set_printoptions(edgeitems=7)")
    for step in steps:
        result = kernel.run(step)
        assert "restored" in result.notices and "also set" not in result.notices
    assert kernel.run(LOOK).stdout == seen.replace("'edgeitems': 3", "'edgeitems': 7")


def test_outputs_that_were_shown_under_other_settings_say_so(kernel: Kernel) -> None:
    """A step is not run again for its looks: where the settings that shape what it shows are others
    than they were, the restored step says so, and under the same ones it does not."""
    pytest.importorskip("matplotlib")
    plain = "import matplotlib.pyplot as plt, pandas as pd\nplt.rcParams['lines.linewidth'] = 5"
    steps = ["%%durable f\nplt.plot([1, 2]);", "%%durable t\npd.DataFrame({'a': [1]})"]
    for cell in (plain, *steps):
        assert kernel.run(cell).error is None
    kernel.kill()
    kernel.start()
    for change, told in ((plain, (0, 0)), (plain.replace("5", "2"), (1, 0))):
        kernel.run(change)
        notices = [kernel.run(step).notices for step in steps]
        assert all("nothing ran" in text for text in notices)
        assert [text.count("under other settings of matplotlib") for text in notices] == [*told]


def test_text_that_was_made_under_other_settings_says_so(kernel: Kernel) -> None:
    """Printed, shown, or kept as a value; what has nothing of the library says nothing."""
    plain = (
        "import numpy as np, pandas as pd\nnp.set_printoptions(precision=2)\n"
        "pd.set_option('display.precision', 2)\na = np.array([1.23456])\n"
        "d = pd.DataFrame({'a': [1.23456]})\nn = 3"
    )
    steps = {
        "%%durable p\nprint(a)": "numpy",
        "%%durable q\na": "numpy",
        "%%durable r\ntext = str(d)": "pandas",
        "%%durable s\nprint(n)": "",
        "%%durable t\ntotal = a.sum()": "",
    }
    for cell in (plain, *steps):
        assert kernel.run(cell).error is None
    for change in (plain, plain.replace("=2", "=4").replace(", 2)", ", 4)")):
        kernel.kill()
        kernel.start()
        kernel.run(change)
        for step, library in steps.items():
            said = kernel.run(step).notices
            assert "nothing ran" in said
            told = f"under other settings of {library}:" in said if library else "other" in said
            assert told is bool(library and change != plain)


def test_settings_that_are_not_kept_are_named(kernel: Kernel) -> None:
    """A restored step says which environment variables and which settings are not as it left them;
    no value of a variable is written anywhere."""
    step = (
        "%%durable s\nimport os\nimport numpy as np\n"
        "os.environ['MY_TOKEN'] = 'sesame-' + 'street'\n"
        "np.set_printoptions(formatter={'float': lambda value: 'f'})\n"
        "import logging\nclass Keeping(logging.Handler): pass\n"
        "logging.getLogger('mine').addHandler(Keeping())"
    )
    kernel.run(step)
    kernel.kill()
    store = kernel.notebook.parent / ".duranb"
    files = [path.read_bytes() for path in store.rglob("*") if path.is_file()]
    assert files and not any(b"sesame-street" in data for data in files)
    kernel.start()
    notices = kernel.run(step).notices
    assert "restored" in notices and "$MY_TOKEN" in notices and "numpy: formatter" in notices
    assert "logging: handlers of mine" in notices


def test_another_attempt_begins_with_the_settings_of_the_first(kernel: Kernel) -> None:
    """What a failed attempt had set is not so in the next one."""
    step = (
        "%%durable s --backoff 0\nimport duranb, numpy as np, os\n"
        "print(np.get_printoptions()['precision'], os.path.basename(os.getcwd()) == 'below')\n"
        "np.set_printoptions(precision=2)\nos.makedirs('below', exist_ok=True); os.chdir('below')\n"
        "if duranb.context().attempt < 2:\n    raise ConnectionError"
    )
    kernel.run("import numpy")
    assert kernel.run(step).stdout == "8 False\n8 False\n"


def test_what_cells_import_from_the_future_holds_for_those_below(kernel: Kernel) -> None:
    """A cell below a restored ``from __future__ import annotations`` is compiled with it, and the
    steps below run again, with the reason, where an edit takes it away."""
    cells = [
        "%%durable a\nfrom __future__ import annotations",
        "%%durable b\ndef f(x: Later) -> Later: return x\nkinds = f.__annotations__",
        "%%durable c\nn = 1",
    ]
    for cell in cells:
        assert kernel.run(cell).error is None
    kernel.kill()
    kernel.start()
    assert "restored" in kernel.run(cells[0]).notices
    below = [kernel.run(cell) for cell in cells[1:]]
    assert all("restored" in each.notices for each in below)
    assert kernel.run(cells[1] + "\nlen(kinds)").error is None
    kernel.kill()
    kernel.start()
    kernel.run("%%durable a\nLater = int")
    assert kernel.run(cells[1]).error is None
    assert kernel.value("kinds['x'] is int") == "True"
    assert "restored" in kernel.run(cells[2]).notices


def test_what_was_told_of_the_notebooks_classes_and_functions_is_named(kernel: Kernel) -> None:
    """A registration with a library, and a function that the shell was given, come from the step
    alone: where it is restored in another kernel they are named, and in its own they are there."""
    step = (
        "%%durable s\nimport collections.abc, gc, socket, sqlite3\n"
        "class Row:\n    pass\n"
        "collections.abc.Sized.register(Row)\n"
        "sqlite3.register_adapter(Row, str)\nsqlite3.register_adapter(Row, lambda row: 'r')\n"
        "get_ipython().register_magic_function(lambda line: line, 'line', 'mine')\n"
        "get_ipython().events.register('pre_execute', lambda: None)\n"
        "get_ipython().set_custom_exc((KeyError,), lambda *all: None)\n"
        "import signal\nold = signal.signal(signal.SIGUSR1, lambda *all: None)\n"
        "gc.disable()\nsocket.setdefaulttimeout(7)"
    )
    assert kernel.run(step).error is None
    assert "also set" not in kernel.run(step).notices
    kernel.kill()
    kernel.start()
    notices = kernel.run(step).notices
    for name in (
        "registrations: collections.abc.Sized.register(Row)",
        "registrations: sqlite3.adapters[Row]",
        "registrations: handler of SIGUSR1",
        "hooks: %mine",
        "hooks: pre_execute",
        "hooks: errors of builtins.KeyError",
    ):
        assert name in notices
    assert kernel.value("(gc.isenabled(), socket.getdefaulttimeout())") == "(False, 7.0)"


def test_what_code_alone_brings_about_comes_back_or_is_named(kernel: Kernel) -> None:
    """The modes of new files and annotations come back; registries of libraries, what a function
    has cached, and what a call gave for an annotation are named, but where they are as the step
    left them."""
    before = (
        "%%durable before\nimport codecs, functools, mimetypes, os\n"
        "@functools.lru_cache\ndef twice(n):\n    return n * 2"
    )
    step = (
        "%%durable s\nold = os.umask(0o027)\nn: int = 1\nword: 'text' = 'a'\nmany: list[int] = []\n"
        "how: slice(1) = 0\nfor each in ():\n    pass\nelse:\n    either: int | str = 4\n"
        "mimetypes.add_type('text/told', '.told')\n"
        "codecs.register_error('told', lambda error: ('?', error.end))\n"
        "four = twice(2)"
    )
    for cell in (before, step):
        assert kernel.run(cell).error is None
        assert "also set" not in kernel.run(cell).notices
    kernel.kill()
    kernel.start()
    assert "also set" not in kernel.run(before).notices
    notices = kernel.run(step).notices
    for name in (
        "annotations: how",
        "registrations: mimetypes.types_map[.told] = 'text/told'",
        "registrations: codecs.register_error()",
        "the cache of twice",
    ):
        assert name in notices
    shown = "{'n': <class 'int'>, 'word': 'text', 'many': list[int], 'either': int | str}"
    assert kernel.value("__annotations__") == shown
    assert kernel.value("os.umask(0o022)") == "23"
    kernel.run("twice(2)\nhow: int\nmimetypes.add_type('text/told', '.told')")
    notices = kernel.run(step).notices
    assert "codecs.register_error()" in notices
    assert not any(each in notices for each in ("how", "mimetypes", "the cache")), notices


def test_settings_that_a_library_gives_by_a_function_are_set_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As those of scikit-learn are: what a step changed of them, and nothing else."""
    now = {"output": "arrays", "display": "text"}
    library = types.ModuleType("sklearn")
    library.get_config = lambda: dict(now)  # type: ignore[attr-defined]
    library.set_config = lambda **given: now.update(given)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sklearn", library)
    settings = Settings({"sklearn": LIBRARIES["sklearn"]})
    settings.begin()
    now["output"] = "frames"
    kept = settings.changes([])
    now |= {"output": "arrays", "display": "diagram"}
    assert settings.apply(kept) == []
    assert now == {"output": "frames", "display": "diagram"}


def test_all_that_logging_and_numbers_are_told_comes_back_or_is_named(kernel: Kernel) -> None:
    """Handlers that a step changed or took away, filters, what is switched off, the whole context
    of decimal numbers, and what modules of Python's own keep for themselves. What has code of the
    notebook's is named, and so is a colormap and a view of a class."""
    pytest.importorskip("matplotlib")
    first = (
        "%%durable first\nimport logging, sys\nlogging.basicConfig(stream=sys.stdout)\n"
        "other = logging.getLogger('other'); other.addHandler(logging.StreamHandler(sys.stdout))"
    )
    step = (
        "%%durable s\nimport calendar, csv, decimal, gc\nimport matplotlib as mpl\n"
        "from matplotlib.colors import ListedColormap\n"
        "handler = logging.getLogger().handlers[0]; handler.setLevel(logging.ERROR)\n"
        "handler.setFormatter(logging.Formatter('<{message}>', style='{')); del handler\n"
        "other.removeHandler(other.handlers[0]); other.disabled = True\n"
        "logging.getLogger('named').addFilter(logging.Filter('named.a'))\n"
        "logging.getLogger('mine').addFilter(lambda record: True)\n"
        "logging.disable(logging.DEBUG); logging.captureWarnings(True)\n"
        "context = decimal.getcontext(); context.traps[decimal.Inexact] = True\n"
        "context.Emax = 99; context.capitals = 0; decimal.DefaultContext.prec = 9\n"
        "context.flags[decimal.Rounded] = True; del context\n"
        "sys.setswitchinterval(0.01); gc.set_threshold(800, 9, 9); calendar.setfirstweekday(6)\n"
        "csv.field_size_limit(999); sys.set_int_max_str_digits(5000)\n"
        "mpl.colormaps.register(ListedColormap(['r', 'g'], name='two'))\n"
        "class Row: pass\n"
        "shown = get_ipython().display_formatter.formatters['text/html']\n"
        "old = shown.for_type(Row, lambda row: 'row'); del shown"
    )
    look = (
        "([(h.level, h.formatter and h.formatter._fmt) for h in logging.getLogger().handlers],"
        "other.handlers, other.disabled, [f.name for f in logging.getLogger('named').filters],"
        "logging.root.manager.disable, logging._warnings_showwarning is not None,"
        "decimal.getcontext(), decimal.DefaultContext.prec, sys.getswitchinterval(),"
        "gc.get_threshold(), calendar.firstweekday(), csv.field_size_limit(),"
        "sys.get_int_max_str_digits())"
    )
    for cell in (first, step):
        assert kernel.run(cell).error is None
        assert "also set" not in kernel.run(cell).notices
    made = kernel.value(look)
    assert "(40, '<{message}>')" in made and "Emax=99" in made
    kernel.kill()
    kernel.start()
    assert "also set" not in kernel.run(first).notices
    notices = kernel.run(step).notices
    assert kernel.value(look) == made
    for name in (
        "logging: filters of mine",
        "registrations: matplotlib.colormaps._cmaps[two]",
        "hooks: text/html of Row",
    ):
        assert name in notices


SYMPY = """
import sys, types
package, home = types.ModuleType("sympy"), types.ModuleType("sympy.interactive.printing")
code = '''
class Basic: pass
def init_printing(pretty=True, **options):
    text = get_ipython().display_formatter.formatters["text/plain"]
    text.for_type(Basic, lambda value, printer, cycle: printer.text(f"{pretty} {options}"))
'''
vars(home)["get_ipython"] = get_ipython
exec(code, vars(home))
package.init_printing, package.Basic, package.__path__ = home.init_printing, home.Basic, []
sys.modules |= {"sympy": package, "sympy.interactive": package, "sympy.interactive.printing": home}
"""


def test_sympy_shows_its_expressions_as_a_restored_step_has_told_it(kernel: Kernel) -> None:
    """``init_printing`` is called again with the arguments that are written there; with others it
    is named. (What stands for SymPy is here.)"""
    written = "%%durable written\nimport sympy as sp\nsp.init_printing(True, use_latex='mathjax')"
    computed = "%%durable computed\nsp.init_printing(pretty=bool(1))"
    look = "from sympy import Basic\nBasic()"
    kernel.run(SYMPY)
    assert kernel.run(written).error is None
    shown = kernel.run(look).text
    assert "True {'use_latex': 'mathjax'}" in shown
    assert kernel.run(computed).error is None
    kernel.kill()
    kernel.start()
    kernel.run(SYMPY)
    assert "also set" not in kernel.run(written).notices
    assert kernel.run(look).text == shown
    kernel.kill()
    kernel.start()
    kernel.run(SYMPY)
    kernel.run("import sympy as sp")
    assert "sympy: init_printing" in kernel.run(computed).notices


def test_what_the_first_cell_gave_a_library_is_filled_again(kernel: Kernel) -> None:
    """It ran before there was a store. A step fills the cache without naming it."""
    pytest.importorskip("langchain_core")
    cells = [
        "from langchain_core import globals as of_all\n"
        "from langchain_core.caches import InMemoryCache\n"
        "from langchain_core.globals import set_llm_cache\nset_llm_cache(InMemoryCache())\n"
        "def note():\n    import sys\n"
        "    sys.modules['langchain_core.globals']._llm_cache.update('p', 'm', [1])",
        "%%durable fill\nnote()\nx = 1",
    ]
    for _ in range(2):
        for cell in cells:
            assert kernel.run(cell).error is None
        assert kernel.run("print(of_all._llm_cache.lookup('p', 'm'))").stdout == "[1]\n"
        kernel.stop()
        kernel.start()


REGISTRY = """
import socket

def register(port):
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(b"a model")
"""


def test_what_a_library_was_told_is_not_told_again_to_others(
    kernel: Kernel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A function that is called as if it set something, and reaches another machine: that is named,
    and not done once more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        (elsewhere / "registry_of_models.py").write_text(REGISTRY)
        cells = [
            f"import sys\nsys.path.insert(0, {str(elsewhere)!r})",
            "%%durable tell\nimport registry_of_models as registry\n"
            f"registry.register({server.getsockname()[1]})",
        ]
        for cell in cells:
            assert kernel.run(cell).error is None
        line, _ = server.accept()
        line.close()
        kernel.kill()
        kernel.start()
        kernel.run(cells[0])
        told = kernel.run(cells[1]).notices
        with pytest.raises(BlockingIOError):  # nobody waits there
            server.accept()
    assert "restored" in told
    assert "registry.register (PermissionError: it would reach 127.0.0.1:" in told


def test_a_step_sets_again_what_it_has_set_and_nothing_of_the_cells_before(kernel: Kernel) -> None:
    """Be they durable or plain, with a plain one in between or none."""
    week = "%%durable week\nimport calendar, csv\ncalendar.setfirstweekday(1)"
    after, field, last = (
        "%%durable after\na = 1",
        "%%durable field\ncsv.field_size_limit(77)",
        "%%durable last\nb = 1",
    )
    for cell in (week, "calendar.setfirstweekday(2)", after, field, last):
        assert kernel.run(cell).error is None
    kernel.restart()
    assert "restored" in kernel.run(week).notices
    assert "restored" in kernel.run(after).notices
    assert kernel.value("calendar.firstweekday()") == "1"
    assert "restored" in kernel.run(field).notices
    assert kernel.run("assert csv.field_size_limit(55) == 77").error is None
    assert "restored" in kernel.run(last).notices
    assert kernel.value("csv.field_size_limit()") == "55"


def test_settings_are_not_read_where_the_cell_before_has_left_them() -> None:
    """Unless modules were loaded since, each of which may set some."""
    read = []

    def look() -> dict[str, int]:
        read.append(1)
        return {"depth": 1}

    group = Group(look, dict, lambda values: None)
    first = Settings({"library": group})
    first.begin()
    assert first.changes([]) == [] and len(read) == 2
    second = Settings({"library": group}, lambda: first.standing)
    second.begin()
    assert len(read) == 2
    third = Settings({"library": group}, lambda: Standing(first.standing.values, 0))
    third.begin()
    assert len(read) == 3
