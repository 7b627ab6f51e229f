"""What plain cells do to the namespace, as their code tells it."""

from __future__ import annotations

import ast

from duranb.code import dataflow, fingerprint
from duranb.engine.runtime import Runtime
from duranb.state import Code
from duranb.state.seeding import calls as seeds_of

__all__ = ["Code", "code_of", "need", "seeds_of"]


def code_of(tree: ast.Module) -> Code:
    """What a cell's code could touch."""
    names = dataflow.analyse(tree)
    everything = names.loads | set(names.writes) | names.deletes
    return Code(
        None if names.opaque else everything,
        fingerprint.of_tree(tree),
        names.reads,
        seeds=seeds_of(tree),
    )


def need(runtime: Runtime, tree: ast.Module, *, to_run: bool = True) -> None:
    """Load the pending values that code could use, or, without ``to_run``, those that could hold
    code themselves."""
    names = dataflow.analyse(tree)
    everything = names.loads | set(names.writes) | names.deletes
    runtime.namespace.need(None if names.opaque else everything, to_run=to_run)
