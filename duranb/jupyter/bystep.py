"""Settings that are only looked at where a step's code says that it could change them."""

from __future__ import annotations

import ast
import functools
import os
import types
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from duranb.code.looking import is_a, module_name, own
from duranb.code.mentions import Chain, Mentions, chain_of
from duranb.engine.decide import Decision
from duranb.engine.settings.settable import LIBRARIES, Group, Values
from duranb.engine.settings.told import TOLD
from duranb.engine.spec import Spec
from duranb.jupyter import annotated, printing, settable
from duranb.jupyter.registries import Registries


def all_of(shell: Any) -> dict[str, Group]:
    """All settings that a kernel with this shell has; those of this module as they are set again,
    and as it is told what is there."""
    live = shell.user_ns
    return {
        **settable.all_of(shell),
        "annotations": annotated.group(live),
        "sympy": printing.group(shell),
        _REGISTRATIONS: _registrations(Registries(live)),
        "caches": Group(dict, dict, _set_nothing, there=lambda name: name in _cached(live, [name])),
        "umask": Group(dict, dict, _write_umask),
    }


def groups(shell: Any, spec: Spec, decision: Decision, tree: ast.Module) -> dict[str, Group]:
    """Those of a step that is about to run."""
    live = shell.user_ns
    modules = {*_modules(spec.mentions, live), *spec.mentions.imports}
    registries = Registries(live, _spelled_out(tree), modules, list(_calls(tree.body)))
    cached = functools.partial(_cached, live, {*decision.uses, *decision.inputs, *spec.writes})
    found = {
        _REGISTRATIONS: _registrations(registries),
        "caches": Group(cached, dict, _set_nothing, _filled, again=lambda was: cached()),
        "annotations": annotated.group(live, tree.body),
        "sympy": printing.group(shell, tree.body),
    }
    if "umask" in spec.mentions.attributes or ("umask",) in spec.mentions.chains:
        found["umask"] = Group(_umask, dict, _write_umask, again=lambda was: _umask())
    return found


_REGISTRATIONS = "registrations"


def _registrations(registries: Registries) -> Group:
    """What libraries were told of, be it in a registry of theirs that can be looked at or not."""
    base = LIBRARIES[_REGISTRATIONS]

    def read() -> Values:
        return {"told": base.read() or {}, "put": registries.read()}

    def changed(was: Values, now: Values) -> Values:
        return base.changed(was["told"], now["told"]) | registries.changed(was["put"], now["put"])

    def there(told: str) -> bool:
        return (base.read() or {}).get(told) is TOLD or registries.is_there(told)

    def again(was: Values) -> Values:
        return {"told": was["told"], "put": registries.again(was["put"])}

    return Group(read, dict, base.write, changed, there, again)


def _set_nothing(values: Values) -> None:
    """What is only told of cannot be set."""


def _modules(mentions: Mentions, live: Mapping[str, Any]) -> Iterator[str]:
    """The modules that code names, or whose functions and classes it names."""
    for chain in mentions.chains:
        value = live.get(chain[0])
        for name in chain[1:]:
            if not is_a(value, types.ModuleType):
                break
            yield module_name(value)
            value = own(value).get(name)
        if is_a(value, types.ModuleType):
            yield module_name(value)
        elif is_a(value, type, types.FunctionType):
            yield str(value.__module__)


def _spelled_out(tree: ast.AST) -> set[object]:
    found = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant))
    return {value for value in found if type(value) in (str, int)}


def _calls(nodes: Collection[ast.AST]) -> Iterator[Chain]:
    """What code calls by a name, or by one in a module, but for the bodies of functions."""
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from filter(None, map(chain_of, node.decorator_list))
            yield from _calls(node.decorator_list)
            continue
        if isinstance(node, ast.Call) and (chain := chain_of(node.func)):
            yield chain
        if not isinstance(node, ast.Lambda):
            yield from _calls(list(ast.iter_child_nodes(node)))


# -- what functions have cached ----------------------------------------------------------------


def _cached(live: Mapping[str, Any], names: Collection[str]) -> Values:
    """How much there is in the caches of functions of these names, where anything is."""
    found = {}
    for name in names:
        value = live.get(name)
        if type(value) is functools._lru_cache_wrapper and (size := value.cache_info().currsize):
            found[name] = size
    return found


def _filled(was: Values, now: Values) -> Values:
    return {name: TOLD for name, size in now.items() if size > was.get(name, 0)}


# -- the modes of new files --------------------------------------------------------------------


def _umask() -> Values:
    # It is only told by setting it: for that moment to what keeps new files to their owner.
    now = os.umask(0o077)
    os.umask(now)
    return {"mask": now}


def _write_umask(values: Values) -> None:
    os.umask(values["mask"])
