"""What a run of a plan knows: who may begin, what each node finds, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from duranb.plan import Node, Plan, edges_of
from duranb.temporal.board import Board, Conflict


def node(name: str, reads: str = "", writes: str = "", **more: Any) -> Node:
    names = tuple(reads.split())
    given = {"kind": "step", **more}
    return Node(
        name=name,
        function=name,
        reads=names,
        parameters=names,
        writes=tuple(writes.split()),
        **given,
    )


def board(*nodes: Node, **parameters: Any) -> Board:
    plan = Plan(nodes=nodes, edges=edges_of(nodes))
    given = {f":{n}": [[-1, {"json": v}]] for n, v in parameters.items()}
    return Board(plan, {"versions": given})


def stored(artifact: str, version: str = "") -> dict[str, Any]:
    return {"artifact": artifact, "version": version or artifact}


def ready(on: Board) -> list[str]:
    return [n.name for n in on.ready()]


def run(on: Board, name: str, random: str = "", **values: dict[str, Any]) -> dict[str, Any]:
    """Begin and finish a node; what it took. Values of ``a__x`` are those of variable ``a:x``."""
    this = on.plan.by_name[name]
    took = on.begin(this)
    on.finish(this, {v.replace("__", ":"): ref for v, ref in values.items()}, random)
    return took


def test_nodes_begin_once_their_edges_allow() -> None:
    """Independent ones at once, the others after those that they need."""
    on = board(node("a", "", "x"), node("b", "x", "y"), node("c", "x", "z"), node("d", "y z"))
    assert ready(on) == ["a"]
    run(on, "a", a__x=stored("X"))
    assert ready(on) == ["b", "c"]
    assert run(on, "b", b__y=stored("Y")) == {"a:x": stored("X")}
    assert ready(on) == ["c"]
    run(on, "c", c__z=stored("Z"))
    assert on.begin(on.plan.by_name["d"]) == {"b:y": stored("Y"), "c:z": stored("Z")}


def test_a_parameter_is_what_the_run_was_given() -> None:
    """Until a node gives the name another value."""
    on = board(node("a", "n", "n"), node("b", "n"), n=3)
    assert run(on, "a", a__n=stored("N")) == {":n": {"json": 3}}
    assert run(on, "b") == {"a:n": stored("N")}


def test_what_shares_state_is_taken_together() -> None:
    """Whoever takes one variable takes those stored with it, and a change reaches them all."""
    on = board(
        node("a", "", "xs"),
        node("b", "xs", "holder"),
        node("c", "xs", "xs", changes=("xs",)),
        node("d", "holder"),
    )
    run(on, "a", a__xs=stored("A"))
    run(on, "b", a__xs=stored("B", "A"), b__holder=stored("B"))
    assert ready(on) == ["c"], "d waits for the change that c is known to make"
    took = run(on, "c", a__xs=stored("C"), b__holder=stored("C"), c__xs=stored("C"))
    assert took == {"a:xs": stored("B", "A"), "b:holder": stored("B")}
    assert run(on, "d")["b:holder"] == stored("C")


def test_a_change_that_nobody_knew_of_is_handed_on() -> None:
    """Those after it in the notebook find it; those before it find what was before."""
    on = board(node("a", "", "x"), node("b", "x"), node("c", "x"), node("d", "x"))
    run(on, "a", a__x=stored("X"))
    run(on, "c", a__x=stored("X2"))
    assert run(on, "d") == {"a:x": stored("X2")}
    assert run(on, "b") == {"a:x": stored("X")}


def test_a_change_that_comes_too_late_is_refused() -> None:
    """A node that comes after it in the notebook had the value already: that is said, by name."""
    on = board(node("a", "", "x"), node("b", "x"), node("c", "x"))
    run(on, "a", a__x=stored("X"))
    run(on, "c")
    with pytest.raises(Conflict, match=r"'b' changed 'x' in place.*'c'"):
        run(on, "b", a__x=stored("X2"))


def test_what_came_apart_is_refused_once_it_is_changed() -> None:
    """Two nodes at once made something of a value; a change of one does not reach the other."""
    nodes = [node("a", "", "x"), node("b", "x", "y"), node("c", "x", "z"), node("d", "z", "z")]
    on = board(*nodes, node("e", "y"))
    run(on, "a", a__x=stored("X"))
    for name in ("b", "c"):
        on.begin(on.plan.by_name[name])
    on.finish(on.plan.by_name["b"], {"a:x": stored("B", "X"), "b:y": stored("B", "Y")}, "")
    on.finish(on.plan.by_name["c"], {"a:x": stored("C", "X"), "c:z": stored("C", "Z")}, "")
    with pytest.raises(Conflict, match=r"'d' changed .* shares state with 'y'.*'e'"):
        run(on, "d", c__z=stored("D"), a__x=stored("D"))


def test_what_cannot_be_stored_is_refused_where_somebody_wants_it() -> None:
    """It is named with its reason; one that nobody takes is nobody's loss."""
    lost = {"artifact": "", "version": "unstorable:socket", "type": "socket", "why": "no"}
    on = board(node("a", "", "s t"), node("b", "t"))
    with pytest.raises(Conflict, match=r"'a' gives 't' \(socket\) to step 'b'"):
        run(on, "a", a__t=lost)
    on = board(node("a", "", "s"), node("b", ""))
    run(on, "a", a__s=lost)


def test_random_generators_go_on_where_the_node_before_left_them() -> None:
    """In the notebook's order."""
    on = board(*(node(n, draws=True) for n in "abc"))
    names = on.plan.by_name
    assert on.random(names["a"]) == ""
    run(on, "a", "R1")
    run(on, "b", "R2")
    assert [on.random(names[n]) for n in "abc"] == ["", "R1", "R2"]


def test_it_goes_on_as_new_with_all_that_it_knew() -> None:
    """What it carries over makes one that says the same."""
    nodes = [node("a", "", "x", draws=True), node("b", "x", "y"), node("c", "x y")]
    on = board(*nodes, n=1)
    run(on, "a", "R", a__x=stored("X"))
    run(on, "b", a__x=stored("B", "X"), b__y=stored("B", "Y"))
    again = Board(on.plan, on.carry())
    assert again.carry() == on.carry()
    assert ready(again) == ["c"]
    assert again.begin(again.plan.by_name["c"]) == on.begin(on.plan.by_name["c"])
