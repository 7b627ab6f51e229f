"""What code does beside giving names values: effects, random numbers, settings of the process.

This is read from the code and decides only what keeps its order in a plan; what a step really does
is recorded when it runs. A recorded run adds what it saw.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from duranb.code.commands import tells
from duranb.code.mentions import chain_of
from duranb.export.statements import Statement, changed_in, statements

_DRAWS_NOTHING = frozenset({"Random", "SystemRandom", "default_rng", "Generator", "RandomState"})
_RANDOM = ("random.", "numpy.random.", "torch.random.")
_EFFECTS = (
    *("duranb.call", "duranb.scripts.shell.", "subprocess.", "shutil.", "smtplib.", "os.system"),
    *("os.popen", "os.exec"),
    *("os.spawn", "os.remove", "os.unlink", "os.rename", "os.replace", "os.mkdir", "os.makedirs"),
    *("os.rmdir", "os.removedirs", "os.symlink", "os.link", "os.truncate", "os.mkfifo", "os.kill"),
    *("os.chmod", "os.utime", "os.write", "tempfile.mk", "tempfile.NamedTemporaryFile"),
    *("tempfile.TemporaryDirectory", "zipfile.ZipFile", "tarfile.open", "shelve.", "dbm."),
    *("requests.post", "requests.put", "requests.patch", "requests.delete", "httpx.post"),
    *("httpx.put", "httpx.patch", "httpx.delete", "sqlite3.", "duckdb.", "psycopg.", "sqlalchemy."),
    *("pickle.dump.", "json.dump.", "yaml.dump.", "joblib.dump.", "torch.save.", "numpy.save"),
    "csv.writer",
)
"""Functions that change what lies outside of the process, or may, by the beginning of their names;
a dot ends a name."""

_LOOKS = (
    *(
        "os.listdir",
        "os.scandir",
        "os.walk",
        "os.stat",
        "os.path.exists",
        "os.path.is",
        "os.access",
    ),
    *("os.path.get", "os.path.samefile", "os.read", "glob.", "fnmatch.", "linecache.", "filecmp."),
    *("requests.get", "requests.head", "httpx.get", "httpx.head", "urllib.request."),
    *("pandas.read_", "polars.read_", "polars.scan_", "numpy.load", "numpy.fromfile"),
    *(
        "numpy.genfromtxt",
        "pickle.load.",
        "json.load.",
        "joblib.load.",
        "torch.load.",
        "csv.reader",
    ),
    *("fileinput.", "importlib.import_module", "runpy.", "PIL.Image.open", "yaml.load"),
    *("tomllib.load.", "configparser.", "nbformat.read"),
)
"""Those that only look at it."""

_SETTING = re.compile(
    r"\.(set|chdir|putenv|environ|path|basicConfig|filterwarnings|simplefilter|use$|rc|install)"
)
"""Functions of modules that change how the process works, by the ways that they are called."""

_REDIRECTING = ("contextlib.redirect_std", "IPython.utils.capture.", "warnings.catch_warnings")
"""Those that do so for the time of a ``with``: what others print meanwhile goes there too."""

_ASKING = re.compile(
    r"(completions|responses|messages|embeddings)\.(create|parse|stream)$"
    r"|\.generate_content(_stream)?$|^litellm\.a?completion$"
)
"""How SDKs call a model."""

_WRITING_METHODS = frozenset(
    {"write_text", "write_bytes", "write", "writelines", "writerow", "writerows", "writestr"}
    | {"to_csv", "to_parquet", "to_excel", "to_sql", "to_pickle", "to_feather", "to_hdf", "tofile"}
    | {"savefig", "save", "save_pretrained", "dump", "write_csv", "write_parquet", "write_json"}
    | {"unlink", "mkdir", "rmdir", "touch", "symlink_to", "hardlink_to", "chmod"}
    | {"commit", "execute", "executemany", "executescript", "extractall"}
)
_READING_METHODS = frozenset(
    {"read_text", "read_bytes", "read", "readline", "readlines", "exists", "is_file", "is_dir"}
    | {"iterdir", "glob", "rglob", "stat", "samefile", "fetchall", "fetchone", "fetchmany"}
)


_PYPLOT = frozenset({"matplotlib.pyplot"})
_NO_FIGURES = (
    *("matplotlib.pyplot.style", "matplotlib.pyplot.rc", "matplotlib.pyplot.get_cmap"),
    *("matplotlib.pyplot.cm", "matplotlib.pyplot.colormaps", "matplotlib.pyplot.switch_backend"),
    *("matplotlib.pyplot.Normalize", "matplotlib.pyplot.Line2D", "matplotlib.pyplot.ion"),
)
_PLOTTING = re.compile(r"\.(plot(\.\w+)?|hist|boxplot)$")
"""Methods of tables that draw."""


@dataclass(frozen=True)
class Doing:
    """What some code visibly does: ``effects`` by name, whether it ``looks`` at what lies outside
    of the process (files, say), ``draws`` random numbers, does something to the process that others
    could notice (``acts``), ``asks`` a model, and works with the ``figures`` that pyplot holds."""

    effects: frozenset[str] = frozenset()
    looks: bool = False
    draws: bool = False
    acts: bool = False
    asks: bool = False
    figures: bool = False

    def __or__(self, other: Doing) -> Doing:
        return Doing(
            self.effects | other.effects,
            self.looks or other.looks,
            self.draws or other.draws,
            self.acts or other.acts,
            self.asks or other.asks,
            self.figures or other.figures,
        )


class Helpers:
    """The project's own modules, which lie in the notebook's ``folder``, by what they do. Without
    a folder there are none."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._known: dict[str, Outside | None] = {}

    def module(self, name: str) -> Outside | None:
        """One by its name; None if it is another's, or cannot be read."""
        if name not in self._known:
            found = self._statements(name)
            names = {"cls", *(n for s in found or () for n in s.names.writes)}
            self._known[name] = Outside(found, self, names) if found is not None else None
        return self._known[name]

    def _statements(self, name: str) -> list[Statement] | None:
        parts = name.split(".")
        if self._folder is None or not all(p.isidentifier() for p in parts):
            return None
        base = self._folder.joinpath(*parts)
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.is_file():
                try:
                    return statements(file.read_text(encoding="utf-8"))
                except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
                    return None  # importing it will say so
        return None


class Outside:
    """What the statements of a notebook do, through the functions and methods that they call, those
    of ``helpers`` included. ``own_names`` are the variables of a helper: no node gives them, so
    whoever changes one changes the process."""

    def __init__(
        self,
        every: Iterable[Statement],
        helpers: Helpers | None = None,
        own_names: Set[str] = frozenset(),
    ) -> None:
        self._helpers = helpers or Helpers()
        self._own_names = own_names
        self._modules: dict[str, str] = {}
        self._stars: list[str] = []
        self._methods: dict[str, list[ast.AST]] = {}
        self._functions: dict[str, list[Statement]] = {}
        self._tools: set[str] = set()
        self.generators: set[str] = set()
        """The names that are given a random generator of their own."""
        self._contexts: set[str] = set()
        self._known: dict[str, Doing] = {}
        for statement in every:
            if statement.is_import:
                imported = _imported(statement.node)
                self._stars += [m.removesuffix(".*") for n, m in imported.items() if n == "*"]
                self._modules.update(imported)
            for each in _methods(statement.node):
                self._methods.setdefault(each.name, []).append(each)
            if self._makes_generator(statement.value):
                self.generators |= set(statement.names.writes)
            if self._makes_context(statement.value):
                self._contexts |= set(statement.names.writes)
            for name in statement.makes:
                self._functions.setdefault(name, []).append(statement)
        for name, made in self._functions.items():
            if any(self._is_tool(s.node) for s in made):
                self._tools.add(name)

    def doing(self, statements: Iterable[Statement], data: set[str], *, step: bool) -> Doing:
        """What statements do in a notebook whose nodes give ``data`` values.

        A call that stands alone in a plain cell, which is there to be quick, acts on the process if
        it is of anything but data; in a ``step``, as anywhere, if it looks like a setting.
        """
        found = Doing()
        for statement in statements:
            if not statement.makes:
                found |= self._own(statement.node)
                found |= Doing(acts=self._acts(statement, data, step=step))
            if statement.names.loads & self.generators:
                found |= Doing(draws=True)
            called = statement.names.loads - statement.makes
            for name in called & self._functions.keys():
                found |= self._of_function(name)
        return found

    def module_of(self, name: str) -> str:
        """The module, or what of it, that a name was imported for; empty if it was not."""
        return self._modules.get(name, "")

    def draws_on_figures(self, call: ast.Call) -> bool:
        """Whether a call has to do with the figures that pyplot holds."""
        name = self._dotted(call.func)
        if name.startswith("matplotlib.pyplot."):
            return not name.startswith(_NO_FIGURES)
        if not _PYPLOT & set(self._modules.values()):
            return False
        return name.startswith("seaborn.") or _PLOTTING.search(name) is not None

    def _makes_generator(self, value: ast.expr | None) -> bool:
        """Whether a name is given a random generator of its own."""
        if not isinstance(value, ast.Call):
            return False
        called = self._dotted(value.func)
        return called.startswith(_RANDOM) and called.rpartition(".")[2] in _DRAWS_NOTHING

    def _makes_context(self, value: ast.expr | None) -> bool:
        """Whether a name is given a context variable."""
        return isinstance(value, ast.Call) and self._dotted(value.func) == "contextvars.ContextVar"

    def _of_function(self, name: str) -> Doing:
        if name not in self._known:
            self._known[name] = Doing()  # for those that call themselves
            found = Doing(frozenset({f"tool {name}"})) if name in self._tools else Doing()
            for statement in self._functions[name]:
                found |= self._own(statement.node)
                found |= Doing(draws=bool(statement.names.loads & self.generators))
                for other in statement.names.loads & self._functions.keys():
                    found |= self._of_function(other)
            self._known[name] = found
        return self._known[name]

    def _own(self, node: ast.AST) -> Doing:
        effects: set[str] = set()
        looks = draws = asks = figures = False
        through = Doing()
        for each in ast.walk(node):
            if not isinstance(each, ast.Call):
                continue
            name = self._dotted(each.func)
            method = name.rpartition(".")[2]
            if f"{name}.".startswith(_EFFECTS):
                effects.add(name)
            elif name in _OPENING or name.endswith(".open"):
                writes = _opens_for_writing(each)
                effects |= {"open"} if writes else set()
                looks = looks or not writes
            elif f"{name}.".startswith(_LOOKS):
                looks = True
            elif isinstance(each.func, ast.Attribute) and _writes(each, method):
                effects.add(method)
            elif method in _READING_METHODS and isinstance(each.func, ast.Attribute):
                looks = True
            if self.draws_on_figures(each):
                figures = True
                effects.add("figure")
            if name.startswith(_RANDOM) and method not in _DRAWS_NOTHING:
                draws = True
            asks = asks or _ASKING.search(name) is not None
            through |= self._of_helper(name)
            if isinstance(each.func, ast.Attribute):
                through |= self._of_method(method)
        acts = any(map(self._sets, ast.walk(node))) or bool(changed_in(node) & self._own_names)
        return Doing(frozenset(effects), looks, draws, acts, asks, figures) | through

    def _sets(self, node: ast.AST) -> bool:
        """Whether a part of some code gives an attribute or element another value, and that lies in
        a module, or in what a function gives: ``os.environ["A"] = "b"``, ``getcontext().prec = 9``;
        or calls what sets something there."""
        if isinstance(node, ast.Attribute | ast.Subscript):
            return not isinstance(node.ctx, ast.Load) and self._is_elsewhere(node)
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(name), attr="set" | "reset")):
                if name in self._contexts:
                    return True
            case ast.Call(func=called) if self._dotted(called).startswith(_REDIRECTING):
                return True
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            sets = _SETTING.search(self._dotted(called)) is not None or tells(chain_of(called))
            return self._is_elsewhere(called) and sets
        return False

    def _is_elsewhere(self, node: ast.expr) -> bool:
        """Whether something begins at a module, or at what is imported from one."""
        root = _beginning(node)
        return isinstance(root, ast.Name) and root.id in self._modules

    def _of_helper(self, name: str) -> Doing:
        """What a function or class of one of the project's modules does."""
        module, _, called = name.rpartition(".")
        for where in [module] if module else self._stars:
            found = self._helpers.module(where)
            if found is not None and called in found._functions:
                return found._of_function(called)
        return Doing()

    def _of_method(self, name: str) -> Doing:
        """What any method of that name does: whose it is, the code does not say."""
        found = self._of_own_method(name)
        for module in {m for each in self._modules.values() for m in (each, _above(each))}:
            helper = self._helpers.module(module)
            if helper is not None and helper is not self:
                found |= helper._of_own_method(name)
        return found

    def _of_own_method(self, name: str) -> Doing:
        key = f".{name}"
        if key not in self._known:
            self._known[key] = Doing()  # for those that call themselves
            found = Doing()
            for method in self._methods.get(name, ()):
                found |= self._own(method)
                named = {n.id for n in ast.walk(method) if isinstance(n, ast.Name)}
                for other in named & self._functions.keys():
                    found |= self._of_function(other)
            self._known[key] = found
        return self._known[key]

    def _acts(self, statement: Statement, data: set[str], *, step: bool) -> bool:
        """Whether a statement of a plain cell is there for what it does to something that is no
        variable of the notebook's: ``plt.style.use(x)``, ``client.login(x)``."""
        node = statement.node
        if isinstance(node, ast.Expr):
            value = node.value.value if isinstance(node.value, ast.Await) else node.value
            if not isinstance(value, ast.Call):
                return False
            root = _beginning(value.func)
            if step or not isinstance(root, ast.Name):
                return False
            return root.id not in data and not hasattr(builtins, root.id) and root.id != "display"
        return False

    def _dotted(self, node: ast.expr) -> str:
        """``numpy.random.rand`` for ``np.random.rand``; what is called on a value: ``.method``."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        root = self._modules.get(node.id, node.id) if isinstance(node, ast.Name) else ""
        return ".".join([root, *reversed(parts)])

    def _is_tool(self, node: ast.AST) -> bool:
        for decorator in getattr(node, "decorator_list", ()):
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if self._dotted(called) == "duranb.tool":
                return True
        return False


def _beginning(node: ast.expr) -> ast.expr:
    """``a`` of ``a.b(1)[0].c``."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node


def _methods(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The methods of the classes that a statement makes."""
    for each in ast.walk(node):
        if isinstance(each, ast.ClassDef):
            for inner in each.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield inner


def _above(module: str) -> str:
    return module.rpartition(".")[0]


def _imported(node: ast.stmt) -> dict[str, str]:
    """What each name of an import stands for."""
    if isinstance(node, ast.Import):
        return {
            (a.asname or a.name.partition(".")[0]): (a.name if a.asname else a.name.split(".")[0])
            for a in node.names
        }
    if isinstance(node, ast.ImportFrom):
        return {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return {}


_OPENING = frozenset({"open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open"})


def _writes(call: ast.Call, method: str) -> bool:
    """Whether a method is one that writes. A frame's ``rename(columns=…)`` is not a path's."""
    if method == "rename":
        return len(call.args) == 1 and not call.keywords
    return method in _WRITING_METHODS


def _opens_for_writing(call: ast.Call) -> bool:
    """Whether a call of ``open`` names a mode that writes, or one that cannot be told."""
    given = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "mode")]
    if isinstance(call.func, ast.Attribute):  # path.open("w")
        given += call.args[:1]
    for mode in given:
        if not isinstance(mode, ast.Constant) or set(str(mode.value)) & set("wax+"):
            return True
    return False
