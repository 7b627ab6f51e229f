"""A ``StateGraph`` that knows of its nodes what they share, and what comes after what."""

from __future__ import annotations

from typing import Any, TypedDict, get_type_hints

from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from duranb.langgraph import carried
from duranb.langgraph.nodes import NodeOf, made_of


def state_graph(state: type) -> StateGraph[Any, Any, Any, Any]:
    """A ``StateGraph`` of this state, for nodes that :func:`duranb.langgraph.node` has made. Of
    what they carry beside it, ``invoke`` and ``stream`` show nothing."""
    hints = {**get_type_hints(state, include_extras=True), carried.KEY: carried.Carried}
    inner = TypedDict("inner", hints, total=False)  # type: ignore[misc]
    return _Graph(inner, input_schema=state, output_schema=state)


class _Graph(StateGraph[Any, Any, Any, Any]):
    def compile(self, *args: Any, **kwargs: Any) -> CompiledStateGraph[Any, Any, Any, Any]:
        """See :meth:`langgraph.graph.StateGraph.compile`."""
        self._tell()
        return super().compile(*args, **kwargs)

    def _tell(self) -> None:
        """Have each node know which values it must leave as they are."""
        own = {name: made for name in self.nodes if (made := self._made(name)) is not None}
        given = {key for made in own.values() for key in made.writes}
        above = self._above()
        taken = frozenset(key for made in own.values() for key in made.takes)
        for name, made in own.items():
            made.taken = taken
            made.peers = tuple(own.values())
            made.first = (START, name) in self.edges
            fixed = {key for key in self.schemas[self.state_schema] if key not in given}
            for other, its in own.items():
                if other != name and not (other in above[name] or name in above[other]):
                    fixed |= its.takes
            made.fixed = frozenset(fixed)

    def _made(self, name: str) -> NodeOf | None:
        runnable: Any = self.nodes[name].runnable
        found = (made_of(getattr(runnable, kind, None)) for kind in ("func", "afunc"))
        return next((made for made in found if made is not None), None)

    def _above(self) -> dict[str, set[str]]:
        """For each node those that are done before it begins."""
        before: dict[str, set[str]] = {name: set() for name in self.nodes}
        for source, target in self.edges:
            before.setdefault(target, set()).add(source)
        for several, target in self.waiting_edges:
            before.setdefault(target, set()).update(several)
        above = {name: set(sources) for name, sources in before.items()}
        changed = True
        while changed:  # once and again to see that it is so, where nodes stand in their order
            changed = False
            for name, sources in before.items():
                found = above[name].union(*(above.get(s, ()) for s in sources))
                changed = changed or len(found) > len(above[name])
                above[name] = found
        return above
