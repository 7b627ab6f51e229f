"""Magics and shell commands as plain Python, or the reason why there is none.

Works on what IPython made of a cell: ``%cd x`` is ``get_ipython().run_line_magic('cd', 'x')`` by
then, ``!ls`` is ``get_ipython().system('ls')``.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Set
from dataclasses import dataclass

from IPython.core.inputtransformer2 import TransformerManager
from IPython.utils.text import DollarFormatter

from duranb.export import layout
from duranb.export.chunks import indented, replaced
from duranb.export.errors import ExportError
from duranb.export.statements import statements
from duranb.verbs.declaration import Acts, Changes
from duranb.verbs.table import VERBS

_SHOWING = frozenset(
    {"alias", "autoawait", "autoreload", "cat", "clear", "colors", "config", "dhist", "dirs"}
    | {"doctest_mode", "hist", "history", "less", "load_ext", "ls", "ll", "lsmagic", "magic"}
    | {"man", "matplotlib", "more", "pastebin", "pdef", "pdoc", "pfile", "pinfo", "pinfo2"}
    | {"pprint", "precision", "psource", "pycat", "quickref", "reload_ext", "tb", "timeit"}
    | {"unload_ext", "who", "who_ls", "whos", "xmode"}
)
"""Line magics that only show something or set up the notebook: left out."""

_INSTALLING = frozenset({"conda", "mamba", "micromamba", "pip", "uv"})
_COMMANDS = frozenset({"cp", "mkdir", "mv", "rm", "rmdir", "system", "sx"})
_CELL_SHOWING = frozenset(
    {"HTML", "SVG", "duranb_sql", "html", "javascript", "js", "latex", "markdown", "svg"}
    | {"timeit"}
)
_INSTALL = re.compile(r"^\s*(?:python3? -m )?(?:pip3?|uv|conda|mamba)\s")


@dataclass(frozen=True)
class _Plain:
    """The Python for one magic: empty to leave it out. ``expression`` says it has a value."""

    text: str
    imports: tuple[str, ...] = ()
    expression: bool = False


def plain_python(transformed: str, label: str, bound: Set[str]) -> str:
    """A transformed cell without ``get_ipython()``; ``bound`` are the notebook's variables, which
    ``$name`` in a command stands for. Raises :class:`ExportError`."""
    tree = ast.parse(transformed)
    edits: list[tuple[ast.AST, str]] = []
    imports: dict[str, None] = {}
    seen: set[ast.AST] = set()
    for parent in ast.walk(tree):
        for child in ast.iter_child_nodes(parent):
            call = child.value if isinstance(child, (ast.Expr, ast.Await)) else child
            if call in seen or not isinstance(call, ast.Call) or not _is_shell(call):
                continue
            seen.update(ast.walk(call))
            bare = isinstance(child, ast.Expr)
            plain = _translated(call, label, bound, bare=bare)
            imports.update(dict.fromkeys(plain.imports))
            inside = bare and not isinstance(parent, ast.Module)
            edits.append((child, plain.text or ("pass" if inside else "")))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "get_ipython" and node not in seen:
            raise ExportError(f"{label}, line {node.lineno}: a script has no get_ipython()")
    if not edits:
        return transformed
    return "".join(f"{line}\n" for line in imports) + replaced(transformed, edits)


def _is_shell(node: ast.Call) -> bool:
    return (
        isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Call)
        and isinstance(node.func.value.func, ast.Name)
        and node.func.value.func.id == "get_ipython"
    )


def _translated(call: ast.Call, label: str, bound: Set[str], *, bare: bool) -> _Plain:
    assert isinstance(call.func, ast.Attribute)
    words = [a.value for a in call.args if isinstance(a, ast.Constant)]
    where = f"{label}, line {call.lineno}"
    match call.func.attr, words:
        case "system", [str(command)]:
            return _command(command, bound)
        case "getoutput", [str(command)]:
            return _output(command, bound)
        case "run_line_magic", [str(name), str(line)]:
            return _line_magic(name, line, where, bound, bare=bare)
        case "run_cell_magic", [str(name), str(line), str(body)]:
            return _cell_magic(name, line, body, label, where, bound)
    raise ExportError(f"{where}: a script has no get_ipython().{call.func.attr}()")


def _refuse_change(words: list[str], where: str) -> None:
    """Raise :class:`ExportError` for a verb that changes the history: it cannot be left out."""
    verb = VERBS.get(words[0]) if words else None
    if verb is not None and issubclass(verb, (Changes, Acts)) and "--dry-run" not in words:
        raise ExportError(
            f"{where}: %duranb {words[0]} changes the notebook's own history, and an export runs "
            "from its beginning to its end: take the line out of the notebook to export it"
        )


def _line_magic(name: str, line: str, where: str, bound: Set[str], *, bare: bool) -> _Plain:
    if name == "duranb":
        _refuse_change(line.split(), where)
        return _Plain("")
    if name in _INSTALLING or (name in _SHOWING and bare):
        return _Plain("")
    if name in ("time", "prun"):
        return _Plain(_timed(name, line, where))
    if name in ("env", "set_env") and line.strip():
        key, _, value = line.strip().partition("=" if "=" in line else " ")
        if value:
            text = f"os.environ[{key.strip()!r}] = {expanded(value.strip(), bound)}"
            return _Plain(text, ("import os",))
    if name == "cd" and line.strip():
        return _Plain(f"os.chdir({expanded(line.strip(), bound)})", ("import os",))
    if name == "pwd":
        return _Plain("" if bare else "os.getcwd()", ("import os",))
    if name in _COMMANDS:
        command = line if name in ("system", "sx") else f"{name} {line}"
        return _command(command, bound) if bare else _output(command, bound)
    raise ExportError(f"{where}: %{name} has no counterpart in a script")


_TIMED_OPTIONS = re.compile(r"\s*(?:(?:-[qr]|--no-raise-error|-[lsTD]\s*\S+)\s+)*")


def _timed(name: str, line: str, where: str) -> str:
    """The statement behind the options of ``%time`` and ``%prun``."""
    text = line[_TIMED_OPTIONS.match(line).end() :].strip()  # type: ignore[union-attr]
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise ExportError(f"{where}: what %{name} is given is no Python: {error.msg}") from error
    return text


def _cell_magic(name: str, line: str, body: str, label: str, where: str, bound: Set[str]) -> _Plain:
    if name in _CELL_SHOWING:
        return _Plain("")
    if name in ("time", "prun", "capture"):
        transformed = TransformerManager().transform_cell(body)
        try:
            python = plain_python(transformed, label, bound).rstrip("\n")
        except SyntaxError as error:
            raise ExportError(f"{where}: the body of %%{name} is no Python: {error.msg}") from error
        return _captured(line, python) if name == "capture" else _Plain(python)
    if name in ("bash", "sh"):
        return _Plain(f"shell_run({_block(body)}, shell={name!r}, check=True)", _SHELL_RUN)
    if name in ("!", "sx", "system"):
        return _command(body.rstrip("\n"), bound)
    if name == "writefile":
        words = [w for w in line.split() if w != "-a"]
        if len(words) == 1:
            mode = "a" if "-a" in line.split() else "w"
            text = f"with open({words[0]!r}, {mode!r}, encoding='utf-8') as file:\n"
            return _Plain(f"{text}    file.write({_block(body)})")
    raise ExportError(f"{where}: %%{name} has no counterpart in a script")


def _captured(line: str, body: str) -> _Plain:
    """The body of ``%%capture``, as IPython itself captures what it prints."""
    words = line.split()
    target = next((w for w in words if w.isidentifier()), "")
    nodes = ast.parse(body).body
    if not target and all(isinstance(n, _SILENT) for n in nodes):
        return _Plain(body)
    parts = ("stdout", "stderr", "display")
    given = ", ".join(f"{p}=False" for p in parts if f"--no-{p}" in words)
    head = f"with capture_output({given}){f' as {target}' if target else ''}:"
    shown = layout.inner(layout.shown(statements(body)))
    text = indented(shown) if nodes else "    pass"
    return _Plain(f"{head}\n{text}", ("from IPython.utils.capture import capture_output",))


_SILENT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _command(command: str, bound: Set[str]) -> _Plain:
    if _INSTALL.match(command):
        return _Plain("")
    return _Plain(f"shell_run({expanded(command, bound)})", _SHELL_RUN)


def _output(command: str, bound: Set[str]) -> _Plain:
    imports = ("from duranb.scripts.shell import shell_lines",)
    return _Plain(f"shell_lines({expanded(command, bound)})", imports)


_SHELL_RUN = ("from duranb.scripts.shell import shell_run",)


def _block(body: str) -> str:
    """A text of several lines as a literal that can be read."""
    if '"""' in body or "\\" in body or body.endswith('"'):
        return repr(body)
    return f'"""{body}"""'


def expanded(command: str, bound: Set[str]) -> str:
    """A command as a literal, as an f-string where IPython would put values into it. It puts in
    nothing at all where one name is not ``bound``, as in ``echo $HOME {x}``, or no Python."""
    values: list[ast.expr] = []
    try:
        for text, field, spec, conversion in DollarFormatter().parse(command):
            values += [ast.Constant(text)] if text else []
            if field is not None:
                value = ast.parse(field.strip(), mode="eval").body
                used = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)} - bound
                if not all(hasattr(builtins, n) for n in used):
                    return repr(command)
                form = ast.JoinedStr([ast.Constant(spec)]) if spec else None
                values.append(ast.FormattedValue(value, ord(conversion or "\0") or -1, form))
    except (SyntaxError, ValueError):
        return repr(command)
    if all(isinstance(v, ast.Constant) for v in values):
        return repr("".join(str(v.value) for v in values if isinstance(v, ast.Constant)))
    return ast.unparse(ast.JoinedStr(values))
