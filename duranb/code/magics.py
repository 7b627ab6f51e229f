"""What magics, and strings that other languages read, mean for the names of a cell.

IPython has turned magics into calls of ``get_ipython()`` before a cell is parsed: ``%time f()``
into ``get_ipython().run_line_magic('time', 'f()')``, ``!ls {x}`` into
``get_ipython().system('ls {x}')``.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from duranb.verbs.table import runs_no_code

_LINE_PYTHON = frozenset({"time", "timeit", "prun"})
_CELL_PYTHON = frozenset({"time", "timeit", "prun", "capture"})
_LINE_HARMLESS = frozenset(
    {"alias", "autoawait", "autoreload", "bookmark", "cat", "cd", "clear", "colors"}
    | {"conda", "config", "cp", "dhist", "dirs", "doctest_mode", "env", "hist", "history"}
    | {"killbgscripts", "ldir", "less", "lf", "lk", "ll", "load_ext", "ls", "lsmagic", "lx"}
    | {"man", "magic", "mamba", "matplotlib", "micromamba", "mkdir", "more", "mv"}
    | {"notebook", "page", "pastebin", "pdef", "pdoc", "pfile", "pinfo", "pinfo2", "pip"}
    | {"popd", "pprint", "precision", "psource", "pushd", "pwd", "pycat", "pylint"}
    | {"quickref", "recall", "reload_ext", "rm", "rmdir", "set_env", "sx", "system", "tb"}
    | {"unalias", "unload_ext", "uv", "who", "who_ls", "whos", "xmode"}
)
_LINE_BINDING = frozenset({"pylab", "run"})
"""Magics that bind nobody knows what, and read no variable."""
_CELL_HARMLESS = frozenset(
    {"!", "HTML", "SVG", "bash", "cmd", "compensate", "html", "javascript", "js", "latex"}
    | {"markdown", "perl", "python2", "ruby", "script", "sh", "svg", "sx", "system"}
    | {"writefile"}
)
_OPTIONS = re.compile(r"^(?:-[A-Za-z]+(?:\s*\d+)?\s+)+")
_EXPANDED = re.compile(r"\$(\w+)|\{([^{}]*)\}")
_AT_NAME = re.compile(r"@([^\W\d]\w*)")
_FROM_NAME = re.compile(r"\b(?:from|join)\s+([^\W\d]\w*)", re.IGNORECASE)
_OUT = re.compile(r"--(?:out|err|proc)\s+([^\W\d]\w*)")


@dataclass(frozen=True)
class Shell:
    """One call of ``get_ipython()``: what it reads, binds, imports and runs, or why nobody can
    tell. ``blind`` says that this goes for what it reads, too, if it is ``opaque``."""

    reads: frozenset[str] = frozenset()
    binds: tuple[str, ...] = ()
    body: ast.Module | None = None
    opaque: str = ""
    imports: tuple[str, ...] = ()
    blind: bool = True


def read(node: ast.Call) -> Shell | None:
    """What ``node`` does if it is a call ``get_ipython().method(…)``, else None."""
    function = node.func
    if not (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Call)
        and isinstance(function.value.func, ast.Name)
        and function.value.func.id == "get_ipython"
    ):
        return None
    words = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    if len(words) != len(node.args) or node.keywords:
        return Shell(opaque="get_ipython()")
    match function.attr, words:
        case (("system" | "getoutput" | "getoutput_split"), [command]):
            return Shell(_expanded(command))
        case "run_line_magic", [name, line]:
            return _line_magic(name, line)
        case "run_cell_magic", [name, line, body]:
            return _cell_magic(name, line, body)
    return Shell(opaque="get_ipython()")


def named_in_strings(node: ast.Call) -> set[str]:
    """Names of variables in a literal query: ``df.query("a > @x")``, ``sql("SELECT * FROM df")``.

    pandas and DuckDB look them up in the caller's frame.
    """
    function = node.func
    called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if called not in ("query", "eval", "sql", "execute") or not node.args:
        return set()
    text = " ".join(
        part.value
        for part in ast.walk(node.args[0])
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )
    if called in ("sql", "execute"):
        return set(_FROM_NAME.findall(text))
    found = set(_AT_NAME.findall(text))
    return found | set(_FROM_NAME.findall(text)) if called == "query" else found


def _line_magic(name: str, line: str) -> Shell:
    if name == "duranb":
        # Verbs that move the state say so themselves.
        return Shell() if runs_no_code(line) else Shell(opaque=f"%duranb {line.partition(' ')[0]}")
    if name in _LINE_HARMLESS:
        return Shell(_expanded(line))
    if name in _LINE_PYTHON:
        return _python(f"%{name}", line)
    if name in _LINE_BINDING and "-i" not in line.split():
        imports = _run_file(line) if name == "run" else ()
        return Shell(_expanded(line), opaque=f"%{name}", imports=imports, blind=False)
    return Shell(opaque=f"%{name}")


def _run_file(line: str) -> tuple[str, ...]:
    """The file that ``%run`` runs, as the module it would be in the notebook's folder."""
    words = [w for w in line.split() if not w.startswith("-")]
    path = PurePosixPath(words[0].strip("'\"")) if words else PurePosixPath()
    parts = path.with_suffix("").parts if path.suffix in ("", ".py") and path.name else ()
    return (".".join(parts),) if all(p.isidentifier() for p in parts) and parts else ()


def _cell_magic(name: str, line: str, body: str) -> Shell:
    binds: tuple[str, ...] = tuple(_OUT.findall(line))
    if name in _CELL_HARMLESS:
        return Shell(_expanded(line), binds)
    if name not in _CELL_PYTHON:
        return Shell(opaque=f"%%{name}")
    if name == "capture":
        binds = tuple(w for w in line.split() if w.isidentifier())
        return _python("%%capture", body, binds)
    return _python(f"%%{name}", f"{_OPTIONS.sub('', line)}\n{body}")


def _python(magic: str, source: str, binds: tuple[str, ...] = ()) -> Shell:
    try:
        body = ast.parse(_OPTIONS.sub("", source.strip()))
    except SyntaxError:  # nested magics, or options this does not know
        return Shell(opaque=magic)
    return Shell(binds=binds, body=body)


def _expanded(text: str) -> frozenset[str]:
    """The names in what IPython replaces in a command: ``$name`` and ``{expression}``."""
    found: set[str] = set()
    for name, expression in _EXPANDED.findall(text):
        if name:
            found.add(name)
            continue
        try:
            tree = ast.parse(expression.partition("!")[0].partition(":")[0].strip(), mode="eval")
        except SyntaxError:
            continue  # no expression, so IPython leaves it alone: awk '{print $1}'
        found.update(n.id for n in ast.walk(tree) if isinstance(n, ast.Name))
    return frozenset(found)
