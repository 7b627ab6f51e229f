"""A namespace as text: everything a program could tell about its values, sharing included.

Two portraits are equal exactly if the values have the same types and contents and the same names
reach the same changeable objects. What cannot be seen from outside (the id of an object, whether
two equal strings are one, the buffers that pandas shares until one is written) is left out.
"""

from __future__ import annotations

import copyreg
import dataclasses
import datetime
import decimal
import fractions
import functools
import gc
import io
import pathlib
import re
import sys
import types
import uuid
import weakref
from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd

from duranb.state.placeholder import Placeholder
from duranb.values.hidden import is_hidden

Portrait = dict[str, list[str]]
"""Lines of text by the name that reached what they say first."""

_ATOMS = (
    *(int, float, complex, str, bytes, bool, type(None), type(...), type(NotImplemented)),
    *(range, re.Pattern, decimal.Decimal, fractions.Fraction, uuid.UUID),
    *(datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone),
    *(pd.Timestamp, pd.Timedelta, pd.Period, pd.Interval, type(pd.NA), type(pd.NaT)),
    *(types.GenericAlias, types.UnionType),
    *(types.MethodDescriptorType, types.WrapperDescriptorType),
    *(type(pathlib.PurePosixPath()), type(pathlib.Path())),
)
_BY_CLASS = frozenset(  # fields are in the methods that were made of them, with their factories
    {
        "__dataclass_fields__",
        "__dict__",
        "__weakref__",
        "__abstractmethods__",
        "_abc_impl",
        "__slotnames__",
    }
)
_VIEWS = (type({}.keys()), type({}.values()), type({}.items()))
_CACHES = ("dispatch_cache", "cache_token", "_clear_cache")
"""Of what ``functools.singledispatch`` makes."""
_OF_FLAGS = {"_inverted_"}
"""What a member of a flag keeps once somebody has asked for it."""
_STATE = 2
"""Where a reduction has the state."""
_CODE = ("co_name", "co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_flags")
_NAMES = ("co_names", "co_varnames", "co_freevars", "co_cellvars")


def users(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that are the user's."""
    return {n: namespace[n] for n in sorted(namespace) if not is_hidden(n)}


def portrait(namespace: Mapping[str, Any], only: Collection[str] | None = None) -> Portrait:
    """The portrait of the user's variables; with ``only`` of these."""
    painter = _Painter(namespace)
    found: Portrait = {}
    for name, value in users(namespace).items():
        if only is not None and name not in only:
            continue
        painter.lines = found[name] = []
        painter.draw(name, value)
    for name, lines in painter.views().items():
        found[name] += lines
    return found


def portraits(namespace: Mapping[str, Any]) -> Portrait:
    """Each of the user's variables by itself, so that what two share is told of both."""
    found: Portrait = {}
    for name, value in users(namespace).items():
        painter = _Painter(namespace)
        painter.draw(name, value)
        found[name] = painter.lines
    return found


def differences(plain: Portrait, other: Portrait) -> list[str]:
    """What differs, a few lines a name: what it must be and what it is."""
    found = []
    for name in sorted(plain.keys() | other.keys()):
        if name not in other:
            found.append(f"{name}: gone, it must be {plain[name][0]}")
        elif name not in plain:
            found.append(f"{name}: too many, it is {other[name][0]}")
        elif plain[name] != other[name]:
            missing = [line for line in plain[name] if line not in other[name]]
            surplus = [line for line in other[name] if line not in plain[name]]
            found.append(f"{name}: must be {missing[:3] or '…'}, is {surplus[:3] or '…'}")
    return found


def _qualified(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


class _Painter:
    """Draws values line by line; an object that was drawn before is named by where that was."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace
        self._seen: dict[int, str] = {}
        self._alive: list[Any] = []  # an id means something only as long as its object lives
        self._arrays: list[tuple[str, int, int]] = []
        self.lines: list[str] = []

    def say(self, path: str, text: str) -> None:
        self.lines.append(f"{path} = {text}")

    def draw(self, path: str, value: Any) -> None:
        """One value and all it reaches."""
        kind = type(value)
        if kind in _ATOMS or isinstance(
            value, (np.generic, np.dtype, pd.api.extensions.ExtensionDtype)
        ):
            self.say(path, f"{kind.__name__} {_steady(repr(value))}")
        elif isinstance(value, types.ModuleType):
            self.say(path, f"module {value.__name__}")
        elif kind in (tuple, frozenset):
            self._draw_items(path, value)
        elif kind is types.MappingProxyType or kind in _VIEWS:
            self.say(path, f"{kind.__name__} of {len(value)}")
            of = gc.get_referents(value)[0]
            if kind is types.MappingProxyType and of and all(isinstance(k, type) for k in of):
                self._draw_registry(f"{path}.of", of)
            else:
                self.draw(f"{path}.of", of)
        elif kind is weakref.ref:
            self.say(path, "weak")
            self.draw(f"{path}()", value())
        elif kind is types.BuiltinFunctionType:
            self.say(path, f"built-in {value.__qualname__}")
            self.draw(f"{path}.__self__", value.__self__)
        elif kind is memoryview:
            self.say(path, f"memoryview {value.format} {value.shape} {value.readonly}")
            self.say(path, value.tobytes().hex())
            self.draw(f"{path}.obj", value.obj)
        elif kind is Placeholder:
            self.say(path, f"placeholder {value!r}")
        elif isinstance(value, Enum):
            self.say(path, f"{kind.__name__}.{value.name}")
            self.draw(f"{path}.__class__", kind)
            if id(value) not in self._seen:
                self._seen[id(value)] = path
                self._draw_attributes(path, value)
        elif isinstance(value, pd.Index):
            self._draw_index(path, value)
        elif isinstance(value, types.CodeType):
            self._draw_code(path, value)
        elif kind is dataclasses.Field:
            for part in ("name", "type", "default", "default_factory", "init", "repr", "kw_only"):
                self.draw(f"{path}.{part}", getattr(value, part))
        elif id(value) in self._seen:
            self.say(path, f"is {self._seen[id(value)]}")
        else:
            self._seen[id(value)] = path
            self._alive.append(value)
            self._draw_new(path, value)

    def _draw_new(self, path: str, value: Any) -> None:
        kind = type(value)
        if isinstance(value, type):
            self._draw_class(path, value)
        elif isinstance(value, types.FunctionType):
            self._draw_function(path, value)
        elif isinstance(value, types.MethodType):
            self.say(path, "method")
            self.draw(f"{path}.__func__", value.__func__)
            self.draw(f"{path}.__self__", value.__self__)
        elif isinstance(value, np.ndarray):
            self._draw_array(path, value)
        elif isinstance(value, (pd.DataFrame, pd.Series)):
            self._draw_frame(path, value)
        elif isinstance(value, pd.core.groupby.generic.DataFrameGroupBy):
            self.say(path, f"groups {value.keys!r}")  # the rest is made when it is asked for
            self.draw(f"{path}.obj", value.obj)
        elif isinstance(value, io.StringIO):
            self.say(path, f"text file at {value.tell()}: {value.getvalue()!r}")
        elif isinstance(value, types.CellType):
            self.say(path, "cell")
            self._draw_cell(path, value)
        elif isinstance(value, property):
            self.say(path, "property")
            for part in ("fget", "fset", "fdel"):
                self.draw(f"{path}.{part}", getattr(value, part))
        elif isinstance(value, (staticmethod, classmethod)):
            self.say(path, kind.__name__)
            self.draw(f"{path}.__func__", value.__func__)
        elif isinstance(value, (list, set, dict, tuple, frozenset, bytearray)):
            self._draw_items(path, value)
            self._draw_rest(path, value)
        elif kind is functools.partial:
            self.say(path, "partial")
            self.draw(f"{path}.func", value.func)
            self.draw(f"{path}.args", value.args)
            self.draw(f"{path}.keywords", value.keywords)
            self.draw(f"{path}.__dict__", dict(vars(value)))
        elif isinstance(value, functools._lru_cache_wrapper):
            self.say(path, f"cached {value.cache_parameters()}")
            held = {k: v for k, v in vars(value).items() if k != "cache_parameters"}
            self._alive.append(held)
            self.draw(f"{path}.__dict__", held)
        else:
            self._draw_object(path, value)

    def _draw_items(self, path: str, value: Any) -> None:
        self.say(path, f"{type(value).__name__} of {len(value)}")
        if isinstance(value, dict):
            for number, (key, item) in enumerate(value.items()):
                where = f"{path}[{key!r}]" if type(key) in (str, int) else f"{path}[#{number}]"
                self.draw(f"{where}:key", key)
                self.draw(where, item)
            if (made := getattr(value, "default_factory", None)) is not None:
                self.draw(f"{path}.default_factory", made)
        elif isinstance(value, (set, frozenset)):
            for number, item in enumerate(
                sorted(value, key=lambda x: (str(type(x)), _steady(repr(x))))
            ):
                self.draw(f"{path}{{{number}}}", item)
        elif isinstance(value, bytearray):
            self.say(path, bytes(value).hex())
        else:
            for number, item in enumerate(value):
                self.draw(f"{path}[{number}]", item)

    def _draw_rest(self, path: str, value: Any) -> None:
        """Attributes, for a value whose items were drawn."""
        if type(value).__module__ != "builtins":
            self.draw(f"{path}.__class__", type(value))
        self._draw_attributes(path, value)

    def _draw_attributes(self, path: str, value: Any) -> None:
        held = getattr(value, "__dict__", None)
        if type(held) is dict:
            for name in sorted(held.keys() - _OF_FLAGS):
                self.draw(f"{path}.{name}", held[name])
        for name in copyreg._slotnames(type(value)):  # type: ignore[attr-defined]
            if hasattr(value, name):
                self.draw(f"{path}.{name}", getattr(value, name))

    def _draw_object(self, path: str, value: Any) -> None:
        kind = type(value)
        if (
            kind.__reduce_ex__ is object.__reduce_ex__
            and kind.__reduce__ is object.__reduce__
            and (
                kind.__module__ == "__main__"
                or not hasattr(kind, "__getstate__")
                or kind.__getstate__ is getattr(object, "__getstate__", None)
            )
        ):
            self.say(path, f"{kind.__name__} object")
            self.draw(f"{path}.__class__", kind)
            self._draw_attributes(path, value)
            return
        try:
            reduced = value.__reduce_ex__(4)
        except Exception as error:
            self.say(path, f"{_qualified(kind)} ({type(error).__name__})")
            return
        self.say(path, f"{kind.__name__} object")
        self.draw(f"{path}.__class__", kind)
        if isinstance(reduced, str):
            return
        for number, part in enumerate(reduced):
            if number in (3, 4) and part is not None:
                part = list(part)
            if number == _STATE and reduced[0] is iter and part == 0:
                continue  # one that is used up, of an empty list, or has not begun
            self._alive.append(part)
            self.draw(f"{path}/{number}", part)

    def _draw_class(self, path: str, value: type) -> None:
        if value.__module__ != "__main__":
            self.say(path, f"class {_qualified(value)}")
            return
        self.say(path, f"class {value.__qualname__}")
        self.draw(f"{path}.__bases__", value.__bases__)
        self.draw(f"{path}.__metaclass__", type(value))
        for name in sorted(vars(value)):
            held = vars(value)[name]
            if name == "__hash__" and held is None:  # as a base has it
                continue
            if name in _BY_CLASS or isinstance(
                held, (types.MemberDescriptorType, types.GetSetDescriptorType)
            ):
                continue
            self.draw(f"{path}.{name}", held)

    def _draw_function(self, path: str, value: types.FunctionType) -> None:
        if value.__module__ != "__main__" and value.__globals__ is not self._namespace:
            self.say(path, f"function {_qualified(value)}")
            if value.__closure__ is None:
                return
        here = value.__globals__ is self._namespace
        self.say(path, f"function {value.__qualname__} {'here' if here else 'elsewhere'}")
        self.draw(f"{path}.__code__", value.__code__)
        for part in ("__defaults__", "__kwdefaults__", "__doc__", "__annotations__"):
            self.draw(f"{path}.{part}", getattr(value, part))
        held = {k: v for k, v in vars(value).items() if k not in _CACHES}
        self._alive.append(held)
        self.draw(f"{path}.__dict__", held)
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            if name in _CACHES:
                continue
            if name == "registry":
                self._draw_registry(f"{path}({name})", cell.cell_contents)
            else:
                self.draw(f"{path}({name})", cell)

    def _draw_registry(self, path: str, registry: dict[type, Any]) -> None:
        """Of ``functools.singledispatch``, which does not look at the order."""
        found = sorted(registry.items(), key=lambda pair: _qualified(pair[0]))
        self._alive.append(found)
        self.draw(path, found)

    def _draw_cell(self, path: str, cell: types.CellType) -> None:
        try:
            self.draw(f"{path}()", cell.cell_contents)
        except ValueError:
            self.say(path, "empty")

    def _draw_code(self, path: str, code: types.CodeType) -> None:
        self.say(path, f"code {code.co_code.hex()} {[getattr(code, n) for n in _CODE]}")
        self.say(path, str([getattr(code, n) for n in _NAMES]))
        for number, held in enumerate(code.co_consts):
            self.draw(f"{path}.const{number}", held)

    # -- numpy and pandas ------------------------------------------------------------------

    def _draw_array(self, path: str, value: np.ndarray[Any, Any]) -> None:
        kind = type(value)
        self.say(path, f"{kind.__name__} {value.dtype} {value.shape} {value.flags.writeable}")
        if isinstance(value, np.ma.MaskedArray):
            self.draw(f"{path}.data", np.asarray(value.data))
            self.say(path, f"mask {np.ma.getmaskarray(value).tolist()} fill {value.fill_value!r}")
            return
        if value.dtype.hasobject:
            for number, item in enumerate(value.ravel().tolist()):
                self.draw(f"{path}[{number}]", item)
        else:
            self.say(path, _steady(repr(value.tolist())))
        if value.size:
            low, high = np.lib.array_utils.byte_bounds(value)
            self._arrays.append((path, low, high))
            self.say(path, f"strides {value.strides}")
        self._alive.append(value)

    def _draw_index(self, path: str, value: Any) -> None:
        self.say(path, f"{type(value).__name__} {value.dtype} {list(value.names)}")
        self.say(path, _steady(repr(value.tolist())))

    def _draw_frame(self, path: str, value: Any) -> None:
        kind = type(value)
        self.say(path, f"{kind.__name__} {value.shape}")
        if kind.__module__ == "__main__":
            self.draw(f"{path}.__class__", kind)
        self.draw(f"{path}.index", value.index)
        self.draw(f"{path}.attrs", dict(value.attrs))
        for name in value._metadata:
            self.draw(f"{path}.{name}", getattr(value, name, None))
        columns = [value] if isinstance(value, pd.Series) else []
        if isinstance(value, pd.DataFrame):
            self.draw(f"{path}.columns", value.columns)
            columns = [value.iloc[:, n] for n in range(value.shape[1])]
        for number, column in enumerate(columns):
            self.say(f"{path}<{number}>", str(column.dtype))
            if column.dtype.hasobject if isinstance(column.dtype, np.dtype) else False:
                for row, item in enumerate(column.tolist()):
                    self.draw(f"{path}<{number}>[{row}]", item)
            else:
                self.say(f"{path}<{number}>", _steady(repr(column.tolist())))

    def views(self) -> Mapping[str, list[str]]:
        """Which arrays lie in the same memory, and where in it."""
        found: dict[str, list[str]] = {}
        for group in _overlapping(self._arrays):
            if len(group) > 1:
                start = min(low for _, low, _ in group)
                with_path = min(path for path, _, _ in group)
                for path, low, _ in sorted(group):  # where they lie is chance
                    name = re.split(r"[^\w]", path, maxsplit=1)[0]
                    text = f"{path} shares memory with {with_path} at {low - start}"
                    found.setdefault(name, []).append(text)
        return {name: sorted(lines) for name, lines in found.items()}


def _overlapping(arrays: Iterable[tuple[str, int, int]]) -> list[list[tuple[str, int, int]]]:
    found: list[list[tuple[str, int, int]]] = []
    end = 0
    for each in sorted(arrays, key=lambda a: (a[1], a[2], a[0])):
        if found and each[1] < end:
            found[-1].append(each)
        else:
            found.append([each])
            end = 0
        end = max(end, each[2])
    return found


_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")


def _steady(text: str) -> str:
    return _ADDRESS.sub("0x…", sys.intern(text) if len(text) < 100 else text)


steady = _steady
