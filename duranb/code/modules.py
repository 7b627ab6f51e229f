"""The project's own modules: which ones a notebook's code reaches, and their fingerprints.

A module counts when its file lies under the project's root and is no installed package. It is
identified by its file, read once for each time it is loaded: what was edited on disk since is
not the code that runs. (Reading these files is the one thing in this layer that does I/O.)
"""

from __future__ import annotations

import ast
import contextlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import blake3

from duranb.code.moving import steady

_INSTALLED = frozenset(
    {"site-packages", "dist-packages", "__pypackages__", ".venv", "venv", ".tox"}
)


def _latest() -> str:
    """The module that was loaded last. What stands for the table of modules in Temporal's workers
    cannot be read from its end."""
    modules = sys.modules
    return next(reversed(modules)) if type(modules) is dict else [*modules][-1]


@dataclass(frozen=True)
class _Source:
    """A module's file as it was read. ``spec`` is that of the loaded module, if it was: another one
    for each time that it is loaded. ``patched`` is what :attr:`ProjectModules.patched` said."""

    spec: object
    patched: object
    stamp: tuple[int, int]
    fingerprint: str
    imports: tuple[str, ...]
    literals: Mapping[str, object] = field(default_factory=dict)


class ProjectModules:
    """The modules under ``root``; ``fingerprint`` digests a syntax tree."""

    def __init__(self, root: Path, fingerprint: Callable[[ast.Module], str]) -> None:
        self.root = root.resolve()
        self._fingerprint = fingerprint
        self.patched: Callable[[str], object] = lambda name: None
        """Changes with the time at which a module was brought up to date without being loaded."""
        self.given: set[str] = set()
        """The attributes of installed modules, and of their classes, that steps have set."""
        self._read: dict[str, _Source] = {}
        self._own: dict[str, bool] = {}
        self._real: dict[str, str] = {}
        self._loaded: tuple[tuple[int, str], list[str]] = ((0, ""), [])
        self._searched: tuple[tuple[str, ...], list[Path]] = ((), [])
        installed = [Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[1]]
        self._installed = [
            folder
            for folder in (p.resolve() for p in installed)
            if folder.is_relative_to(self.root) and folder != self.root
        ]

    def owns(self, module: str) -> bool:
        """Whether ``module``, by its absolute name, is one of the project's own."""
        return self._file(module) is not None

    def reach(self, module: str) -> dict[str, str]:
        """``module:NAME`` and fingerprint of a project module and of all it imports, transitively.

        Empty for other modules.
        """
        found: dict[str, str] = {}
        stack = _with_parents(module)
        while stack:
            name = stack.pop()
            file = None if f"module:{name}" in found else self._file(name)
            if file is None:
                continue
            source = self._source(name, file)
            found[f"module:{name}"] = source.fingerprint
            for imported in source.imports:
                stack += _with_parents(imported)
        return found

    def literals(self, module: str) -> Mapping[str, object]:
        """What the variables of a project module are when it is imported, as far as that is written
        there as numbers, texts, lists and the like. Not to be changed."""
        file = self._file(module)
        return {} if file is None else self._source(module, file).literals

    def present(self) -> list[str]:
        """The project's modules that are loaded. Looked for when others are loaded than before."""
        before, present = self._loaded
        loaded = len(sys.modules), steady(_latest)
        if loaded != before or not all(n in sys.modules for n in present):
            present = [n for n in list(sys.modules) if self._file(n) is not None]
            self._loaded = loaded, present  # at once: others ask at the same time
        return present

    def loaded(self, imports: Iterable[str]) -> None:
        """Code ran that imports these: read now what it loaded, before somebody edits the file."""
        for name in imports:
            self.reach(name)
        for name in list(self._read):
            file = self._file(name)
            if file is not None:
                self._source(name, file)

    def _file(self, name: str) -> Path | None:
        if name == "__main__":
            return None
        loaded = getattr(sys.modules.get(name), "__file__", None)
        if loaded is not None:
            folder = os.path.dirname(loaded)  # resolving a thousand files one by one takes 30 ms
            if folder not in self._own:
                self._own[folder] = self._is_below(self._resolved(folder))
            return Path(loaded) if self._own[folder] and loaded.endswith(".py") else None
        return None if name in sys.modules else self._search(name)

    def _search(self, name: str) -> Path | None:
        """A module that is not imported yet: where it would be found."""
        if not all(part.isidentifier() for part in name.split(".")):
            return None  # a class may say that it is from anywhere
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or (top != name and not self.owns(top)):
            return None
        path = Path(*name.split("."))
        for folder in self._folders(tuple(sys.path)):
            for candidate in (folder / path.with_suffix(".py"), folder / path / "__init__.py"):
                if candidate.is_file():
                    return candidate
        return None

    def _folders(self, search: tuple[str, ...]) -> list[Path]:
        """The folders of the project that ``search`` (``sys.path``) leads to, the root first."""
        before, own = self._searched
        if before != search:
            folders = dict.fromkeys([self.root, *(Path(p).resolve() for p in search)])
            own = [f for f in folders if self._is_own(f)]
            self._searched = (search, own)
        return own

    def _resolved(self, folder: str) -> str:
        """A folder without links in its path; what is above it is looked at once for all."""
        found = self._real.get(folder)
        if found is None:
            above, name = os.path.split(folder)
            plain = os.path.isabs(folder) and name not in ("", ".", "..")
            if plain and not os.path.islink(folder):
                found = os.path.join(self._resolved(above), name)
            else:
                found = os.path.realpath(folder)
            self._real[folder] = found
        return found

    def _is_below(self, folder: str) -> bool:
        """Whether a folder is the project's own; most are not even below its root."""
        root, case = str(self.root), os.path.normcase
        return case(folder).startswith(case(root)) and self._is_own(Path(folder))

    def _is_own(self, file: Path) -> bool:
        if not file.is_relative_to(self.root):
            return False
        if not _INSTALLED.isdisjoint(file.relative_to(self.root).parts):
            return False
        return not any(file.is_relative_to(folder) for folder in self._installed)

    def _source(self, name: str, file: Path) -> _Source:
        spec, patched = getattr(sys.modules.get(name), "__spec__", None), self.patched(name)
        known = self._read.get(name)
        same = known is not None and spec is not None and known.spec is spec
        if known is not None and same and known.patched == patched:
            return known
        try:
            status = file.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if known is None or known.stamp != stamp:
                package = name if file.name == "__init__.py" else name.rpartition(".")[0]
                known = self._parsed(file.read_bytes(), package, stamp)
        except OSError as error:  # removed since it was loaded, say
            known = _Source(spec, patched, (0, 0), f"unreadable: {error.strerror}", ())
        found = self._read[name] = replace(known, spec=spec, patched=patched)
        return found

    def _parsed(self, source: bytes, package: str, stamp: tuple[int, int]) -> _Source:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):  # its importer will be told
            return _Source(None, None, stamp, blake3.blake3(source).hexdigest(16), ())
        told = self._fingerprint(tree), _imports(tree, package), _literals(tree.body)
        return _Source(None, None, stamp, *told)


def _literals(body: list[ast.stmt]) -> Mapping[str, object]:
    bound = Counter[str]()
    stack: list[ast.AST] = [*body]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound[node.id] += 1
        elif not isinstance(node, _SCOPES):
            stack += ast.iter_child_nodes(node)
    found: dict[str, object] = {}
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            inside = _literals(statement.body)
            found |= {f"{statement.name}.{name}": value for name, value in inside.items()}
        match statement:
            case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, value):
                targets: list[ast.expr] = [ast.Name(name)]
            case ast.Assign([ast.Tuple(targets)], value):
                pass
            case _:
                continue
        if value is None:
            continue
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            values = ast.literal_eval(value)
            several = isinstance(statement, ast.Assign) and len(targets) > 1
            pairs = zip(targets, values if several else [values], strict=True)
            found |= {t.id: v for t, v in pairs if isinstance(t, ast.Name)}
    return {name: value for name, value in found.items() if bound[name] == 1 or "." in name}


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
"""What has names of its own: a function that counts in a global variable does so when it is called.
"""


def _with_parents(name: str) -> list[str]:
    """``a.b.c`` runs ``a`` and ``a.b`` too."""
    parts = name.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


def _imports(tree: ast.Module, package: str) -> tuple[str, ...]:
    """The absolute names of all that a module imports anywhere (perhaps names in modules)."""
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(dict.fromkeys(a.name for a in node.names))
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                above = parts[: len(parts) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            if base:
                found[base] = None
                found.update(dict.fromkeys(f"{base}.{a.name}" for a in node.names))
    return tuple(found)
