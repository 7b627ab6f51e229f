"""What compilers and wrappers make of a function: numba, jax, wrapt, ``lru_cache`` and others.

Such an object is the function that it wraps and its options. What it compiled or cached meanwhile
is no part of it: a call changes nothing, and it is stored as the recipe to make it again.
"""

from __future__ import annotations

import functools
import gc
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from duranb.code.kinds import once_a_class

Options = dict[str, Any]


@dataclass(frozen=True)
class Parts:
    """What a wrapper is made of: functions, and options that shape what they do."""

    recipe: str
    functions: tuple[Any, ...]
    options: Options

    def told(self) -> list[tuple[str, str]]:
        """The options as texts, equal for equal options in every process."""
        return [(name, str(value)) for name, value in sorted(self.options.items())]


@dataclass(frozen=True)
class _Recipe:
    take: Callable[[Any], tuple[tuple[Any, ...], Options]]
    make: Callable[..., Any]


def parts(value: object) -> Parts | None:
    """What a wrapper is made of, or None for other values, and for wrappers of another version of
    their library, whose parts are somewhere else."""
    kind: Any = type(value)
    if kind is types.FunctionType:
        name = _SINGLEDISPATCH if value.__code__ in _DISPATCHING else ""  # type: ignore[attr-defined]
    else:
        name = _recipe_of(kind)
    if not name:
        return None
    try:
        functions, options = _RECIPES[name].take(value)
    except AttributeError:
        return None
    return Parts(name, functions, options)


def reduction(value: object) -> tuple[Any, ...] | None:
    """The pickle reduction of a wrapper, or None for other values."""
    found = parts(value)
    if found is not None:
        return make, (found.recipe, found.functions, found.options)
    kind: Any = type(value)
    caches = _caches_of(kind)
    return _without(caches, value) if caches else None


def make(recipe: str, functions: tuple[Any, ...], options: Options) -> Any:
    """Make a wrapper again from its parts. Raises what its library raises."""
    return _RECIPES[recipe].make(*functions, **options)


def lasting(function: types.FunctionType) -> dict[str, Any]:
    """A function's own attributes, without what its last call left there."""
    found = dict(function.__dict__)
    if "retry" in found:
        found.pop("statistics", None)  # how tenacity's last call of it went
    return found


def settled(function: types.FunctionType, reduced: Any) -> Any:
    """How a function is pickled, without what its last call left in its attributes."""
    forgotten = function.__dict__.keys() - lasting(function).keys()
    if not forgotten or not isinstance(reduced, tuple):
        return reduced
    make, arguments, (attributes, slots), *rest = reduced
    return make, arguments, ({**attributes, **{n: {} for n in forgotten}}, slots), *rest


@once_a_class
def _recipe_of(kind: type) -> str:
    name = f"{kind.__module__}.{kind.__qualname__}"
    return name if name in _RECIPES else ""


_CACHES: dict[str, Options] = {"click.core.Command": {"_help_option": None}}
"""Attributes in which objects around functions keep what they worked out, as they were at first."""


@once_a_class
def _caches_of(kind: type) -> Options:
    names = (f"{c.__module__}.{c.__qualname__}" for c in kind.__mro__)
    return next((_CACHES[n] for n in names if n in _CACHES), {})


def _without(caches: Options, value: Any) -> tuple[Any, ...] | None:
    reduced = value.__reduce_ex__(5)
    if not isinstance(reduced, tuple) or len(reduced) < 3 or not isinstance(reduced[2], dict):
        return None
    return (*reduced[:2], {**reduced[2], **caches}, *reduced[3:])


def _module(name: str) -> Any:
    __import__(name)
    return sys.modules[name]


# -- numba: what is compiled lazily has no signatures ------------------------------------------


def _take_jit(value: Any) -> tuple[tuple[Any, ...], Options]:
    signatures = [] if value._can_compile else list(value.nopython_signatures)
    options = {"locals": value.locals, "signatures": signatures, **value.targetoptions}
    return (value.py_func,), options


def _make_jit(function: Any, signatures: list[Any], **options: Any) -> Any:
    made = _module("numba").jit(**options)(function)
    for signature in signatures:
        made.compile(signature)
    if signatures:
        made.disable_compile()
    return made


def _take_vectorize(value: Any) -> tuple[tuple[Any, ...], Options]:
    signatures = list(value._dispatcher.overloads) if value._frozen else []
    options = dict(value.targetoptions, identity=value.identity, signatures=signatures)
    return (value._dispatcher.py_func,), options


def _make_vectorize(function: Any, signatures: list[Any], **options: Any) -> Any:
    numba = _module("numba")
    return numba.vectorize(*([signatures] if signatures else []), **options)(function)


def _take_guvectorize(value: Any) -> tuple[tuple[Any, ...], Options]:
    builder, dispatcher = value.gufunc_builder, value._dispatcher
    options = {
        "layout": builder.signature,
        "signatures": list(dispatcher.overloads) if value._frozen else [],
        "is_dynamic": value._is_dynamic,
        "writable_args": builder.writable_args,
        **dispatcher.targetoptions,
    }
    return (dispatcher.py_func,), options


def _make_guvectorize(function: Any, layout: str, signatures: list[Any], **options: Any) -> Any:
    numba = _module("numba")
    return numba.guvectorize(*([signatures] if signatures else []), layout, **options)(function)


def _take_stencil(value: Any) -> tuple[tuple[Any, ...], Options]:
    return (value.kernel_ir.func_id.func,), dict(value.options, mode=value.mode)


def _make_stencil(function: Any, mode: str, **options: Any) -> Any:
    return _module("numba").stencil(mode, **options)(function)


def _take_cfunc(value: Any) -> tuple[tuple[Any, ...], Options]:
    compiler = value._compiler
    options = {"signature": value._sig, "locals": compiler.locals, **compiler.targetoptions}
    return (value._pyfunc,), options


def _make_cfunc(function: Any, signature: Any, **options: Any) -> Any:
    return _module("numba").cfunc(signature, **options)(function)


# -- jax ---------------------------------------------------------------------------------------

_JIT = ("static_argnums", "static_argnames", "donate_argnums", "donate_argnames")
_JIT_MORE = ("keep_unused", "inline", "device", "backend")


def _take_jax_jit(value: Any) -> tuple[tuple[Any, ...], Options]:
    info = value._jit_info
    options = {n: getattr(info, n) for n in _JIT}
    options |= {n: getattr(info, n) for n in _JIT_MORE if getattr(info, n)}
    if info.compiler_options_kvs:
        options["compiler_options"] = dict(info.compiler_options_kvs)
    if info.user_specified_in_shardings:
        options["in_shardings"] = info.in_shardings_treedef.unflatten(info.in_shardings_leaves)
    if any(type(leaf).__name__ != "UnspecifiedValue" for leaf in info.out_shardings_leaves):
        options["out_shardings"] = info.out_shardings_treedef.unflatten(info.out_shardings_leaves)
    return (value._fun,), options


def _make_jax_jit(function: Any, **options: Any) -> Any:
    return _module("jax").jit(function, **options)


def _take_custom_vjp(value: Any) -> tuple[tuple[Any, ...], Options]:
    names = ("nondiff_argnums", "symbolic_zeros", "optimize_remat")
    return (value.fun, value.fwd, value.bwd), {n: getattr(value, n) for n in names}


def _make_custom_vjp(
    function: Any, forward: Any, backward: Any, nondiff_argnums: Any, **options: Any
) -> Any:
    made = _module("jax").custom_vjp(function, nondiff_argnums=nondiff_argnums)
    if forward is not None:
        made.defvjp(forward, backward, **options)
    return made


def _take_custom_jvp(value: Any) -> tuple[tuple[Any, ...], Options]:
    names = ("nondiff_argnums", "symbolic_zeros")
    return (value.fun, value.jvp), {n: getattr(value, n) for n in names}


def _make_custom_jvp(function: Any, rule: Any, nondiff_argnums: Any, **options: Any) -> Any:
    made = _module("jax").custom_jvp(function, nondiff_argnums=nondiff_argnums)
    if rule is not None:
        made.defjvp(rule, **options)
    return made


# -- others ------------------------------------------------------------------------------------


def _take_lru_cache(value: Any) -> tuple[tuple[Any, ...], Options]:
    wrapped = value.__wrapped__
    given = {
        name: held
        for name, held in vars(value).copy().items()
        if name not in OF_CACHED and not (name in vars(wrapped) and vars(wrapped)[name] is held)
    }
    return (wrapped, *([given] if given else [])), value.cache_parameters()


OF_CACHED = frozenset({*functools.WRAPPER_ASSIGNMENTS, "__wrapped__", "cache_parameters"})
"""The attributes that a function with a cache has from what it wraps, and for its own sake."""


def _make_lru_cache(function: Any, *given: Any, **options: Any) -> Any:
    made = functools.lru_cache(**options)(function)
    vars(made).update(*given)
    return made


_SINGLEDISPATCH = "functools.singledispatch"


def _inner(function: Any, name: str) -> types.CodeType:
    """The code of a function that is made inside of another one."""
    codes = (c for c in function.__code__.co_consts if type(c) is types.CodeType)
    return next(code for code in codes if code.co_name == name)


_DISPATCHING = {
    _inner(functools.singledispatch, name): part
    for name, part in (("wrapper", ""), ("dispatch", "dispatch"), ("register", "register"))
}
"""By their code, the functions that ``singledispatch`` makes: the one that is called, and those in
its attributes, which hold what it is made of, and a cache that fills as it is called."""

_OF_DISPATCH = frozenset({"register", "dispatch", "registry", "_clear_cache", "__wrapped__"})


def registry_of(value: Any) -> dict[type, Any] | None:
    """What is registered with a function that ``singledispatch`` made, of all that it made; None
    for any other function."""
    if value.__code__ not in _DISPATCHING:
        return None
    # It lies open in one of them, and in the closures of the others.
    cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
    held: Any = next((c.cell_contents for n, c in cells if n == "registry"), None)
    found: dict[type, Any] = gc.get_referents(value.registry)[0] if held is None else held
    return found


def _take_singledispatch(value: Any) -> tuple[tuple[Any, ...], Options]:
    part = _DISPATCHING[value.__code__]
    registered: Any = registry_of(value)
    registry = sorted(registered.items(), key=lambda item: _full_name(item[0]))
    options: Options = {"types": [kind for kind, _ in registry]}
    if part:
        options["part"] = part
    attributes = {n: v for n, v in vars(value).copy().items() if n not in _OF_DISPATCH}
    return (*(f for _, f in registry), *([attributes] if attributes else [])), options


def _make_singledispatch(*functions: Any, types: list[type], part: str = "") -> Any:
    registry = dict(zip(types, functions, strict=False))  # attributes may follow
    made: Any = functools.singledispatch(registry[object])
    for kind, function in registry.items():
        if kind is not object:
            made.register(kind, function)
    found = getattr(made, part) if part else made
    vars(found).update(*functions[len(types) :])
    return found


def _take_singledispatchmethod(value: Any) -> tuple[tuple[Any, ...], Options]:
    return (value.dispatcher, value.func), {}


def _make_singledispatchmethod(dispatcher: Any, function: Any) -> Any:
    made = functools.singledispatchmethod(function)
    made.dispatcher = dispatcher
    return made


def _full_name(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _take_wrapt(value: Any) -> tuple[tuple[Any, ...], Options]:
    return (value.__wrapped__, value._self_wrapper, value._self_enabled), {}


def _make_wrapt(function: Any, wrapper: Any, enabled: Any) -> Any:
    return _module("wrapt").FunctionWrapper(function, wrapper, enabled)


_RECIPES = {
    "numba.core.registry.CPUDispatcher": _Recipe(_take_jit, _make_jit),
    "numba.np.ufunc.dufunc.DUFunc": _Recipe(_take_vectorize, _make_vectorize),
    "numba.np.ufunc.gufunc.GUFunc": _Recipe(_take_guvectorize, _make_guvectorize),
    "numba.stencils.stencil.StencilFunc": _Recipe(_take_stencil, _make_stencil),
    "numba.core.ccallback.CFunc": _Recipe(_take_cfunc, _make_cfunc),
    "jaxlib._jax.PjitFunction": _Recipe(_take_jax_jit, _make_jax_jit),
    "jax._src.custom_derivatives.custom_vjp": _Recipe(_take_custom_vjp, _make_custom_vjp),
    "jax._src.custom_derivatives.custom_jvp": _Recipe(_take_custom_jvp, _make_custom_jvp),
    _SINGLEDISPATCH: _Recipe(_take_singledispatch, _make_singledispatch),
    "functools.singledispatchmethod": _Recipe(
        _take_singledispatchmethod, _make_singledispatchmethod
    ),
    "functools._lru_cache_wrapper": _Recipe(_take_lru_cache, _make_lru_cache),
    "_wrappers.FunctionWrapper": _Recipe(_take_wrapt, _make_wrapt),
    "wrapt.wrappers.FunctionWrapper": _Recipe(_take_wrapt, _make_wrapt),
}
