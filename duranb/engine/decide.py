"""Whether a step has to run at all, and if so, why.

Identity is content: the step's code, the helpers and modules it reaches, and the versions of the
values it can read. What matches a completed execution is restored.
"""

from __future__ import annotations

import builtins
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from duranb.code import looking, mentions, pickled, registered
from duranb.code.fingerprint import Reach
from duranb.code.holding import Held
from duranb.code.identity import at_rest
from duranb.code.interrupts import held_off
from duranb.code.looking import is_a, is_class, module_of
from duranb.engine import sharers, sharing, wanting
from duranb.engine.cleaning import start_clean
from duranb.engine.runtime import Runtime
from duranb.engine.spec import Spec
from duranb.errors import NotRestorable
from duranb.record.history import History
from duranb.record.model import ABSENT, BESIDE, CONTESTED, REWOUND, UNTOLD, Execution, Status
from duranb.state import beside, process, randomness, sessions
from duranb.state.commanded import name_of
from duranb.state.placeholder import Placeholder
from duranb.state.randomness import OWN, UNSEEDED
from duranb.values import definitions


@dataclass(frozen=True)
class Decision:
    """What is known about a step just before it would run.

    ``restore`` is the execution whose outputs it can be given, or None: then ``reason`` says why it
    runs, and ``refused`` why it must not, if that is so. ``before`` is the snapshot it starts from.
    ``unseen`` are names that other code than the cell's own may bind: no input, and taken to be
    bound. ``given`` are the versions of what it reads beside its variables, ``held`` the variables
    of modules that it touches, ``together`` those of its inputs that share state
    (:mod:`duranb.engine.sharing`; None: it has no inputs that are variables).
    """

    inputs: dict[str, str]
    uses: dict[str, str]
    identity: str
    before: int
    restore: Execution | None
    reason: str
    unseen: frozenset[str] = frozenset()
    given: dict[str, str] = field(default_factory=dict)
    held: Held = field(default_factory=Held)
    together: dict[str, str] | None = None
    refused: NotRestorable | None = None


@dataclass(frozen=True)
class Inputs:
    """What a step is given: the versions of the ``values`` it can read, the fingerprints of the
    code it ``uses``, what of the rest that code may bind (:attr:`Decision.unseen`), and which
    variables of modules it touches."""

    values: dict[str, str]
    uses: dict[str, str]
    unseen: frozenset[str]
    held: Held


@held_off
def decide(runtime: Runtime, spec: Spec, *, replay: bool = False, since: int = 0) -> Decision:
    """Bring the history up to date with the namespace, and decide on a step.

    ``replay`` runs it whatever was recorded, as does a strict process. Only executions later than
    ``since`` are restored.
    """
    replay = replay or runtime.settings.strict
    start_clean(runtime, spec.name)
    before = runtime.catch_up()
    last = runtime.history.last_carried_out(spec.name)
    found = inputs_of(runtime, spec, last)
    identity = spec.identity(found.values, found.uses)
    given = runtime.surroundings.told(found.held.reads)
    if not (spec.always or spec.fresh or replay):
        alike = partial(_can_be_given, runtime, spec, given)
        recorded = runtime.history.completed(spec.name, identity, alike)
        if recorded is not None and recorded.id > since:
            return Decision(found.values, found.uses, identity, before, recorded, "")
    refused = _refused(runtime, spec, found)
    first = "first run"
    reason = (
        "replayed" if replay else why(runtime, spec, last, found.values, found.uses, first, given)
    )
    if last is not None:
        found = inputs_of(runtime, spec, last, anew=True)
        identity = spec.identity(found.values, found.uses)
        given = runtime.surroundings.told(found.held.reads)
    return Decision(
        found.values,
        found.uses,
        identity,
        before,
        None,
        reason,
        found.unseen,
        given,
        found.held,
        sharing.versions(runtime, found.values.keys() | found.uses.keys()),
        refused,
    )


def _refused(runtime: Runtime, spec: Spec, found: Inputs) -> NotRestorable | None:
    """Why a step must not run: an object lacks what restored steps had done to it. A chat that
    forgot its first turn answers the second one wrong, and that would be paid for."""
    name, step = runtime.surroundings.behind(found.held.reads)
    if name and step != spec.name:
        runtime.wanted.add(name)
        return NotRestorable(
            f"step {spec.name!r} needs {name}, which is not as step {step!r} left it: that step "
            f"was restored. Run All runs that step again, as %duranb replay {step} does: its calls "
            "are answered from the journal. A plain cell may set it instead; "
            f"--ignore {name} takes it as it is"
        )
    seen = found.values if spec.loads is not None else found.values.keys() & spec.reads
    for name in seen:
        if is_a(runtime.namespace.live.get(name), Placeholder):
            kind = runtime.namespace.bindings()[name].type
            return NotRestorable(
                f"step {spec.name!r} needs {name!r}, a {kind} that could not be brought back. Run "
                "All runs the steps again that made it: their calls are answered from the journal. "
                f"duranb.reconnect({kind!r}) registers how it is brought back; --ignore {name} "
                "takes it as it is"
            )
        behind = runtime.namespace.behind(name)
        if behind and behind[0] != spec.name:
            kind = runtime.namespace.bindings()[name].type
            if behind[0] == REWOUND:
                done = "was left as it was when the notebook was rewound"
                remedy = "Run the cell that makes it again, and the steps that use it"
            else:
                done = f"is not as step {behind[0]!r} left it: that step was restored"
                remedy = (
                    f"Run All runs that step again, as %duranb replay {behind[0]} does: its calls "
                    "are answered from the journal"
                )
            return NotRestorable(
                f"step {spec.name!r} needs {name!r}, a {kind} that cannot be stored and {done}. "
                f"{remedy}, or register with duranb.reconnect({kind!r}) how its state is brought "
                f"back; --ignore {name} takes it as it is"
            )
    return None


def _can_be_given(
    runtime: Runtime, spec: Spec, given: Mapping[str, str], recorded: Execution
) -> bool:
    """Whether an execution with the same identity can be restored here."""
    return not (
        _deletes_nothing(runtime, spec, recorded) or unlike(runtime, recorded, given, spec.ignore)
    )


def _deletes_nothing(runtime: Runtime, spec: Spec, recorded: Execution) -> str:
    """Why an execution cannot be restored here that deleted a name which was there: it is not there
    now, and ``del`` raises. Empty where that is not so."""
    namespace, history = runtime.namespace, runtime.history
    for name in sorted(spec.unset & set(recorded.deleted)):
        if name not in namespace.live and history.binding(name, recorded.before) is not None:
            return f"{name}, which it deletes, is gone"
    return ""


def _not_loaded(runtime: Runtime, recorded: Execution) -> str:
    """Why what an execution made is not there once it is restored. Empty where it is, as far as is
    known: things are loaded to see only where that has failed before."""
    namespace, careful = runtime.namespace, runtime.settings.careful
    results = {"its result": recorded.result} if recorded.result is not None else {}
    looked: dict[str, str] = {}
    for name, binding in {**recorded.outputs, **results}.items():
        if binding.python not in ("", definitions.PYTHON):
            return f"{name} {definitions.other_python(binding.python)}"
        failure = ""
        if namespace.has_version(name, binding.version):
            failure = namespace.unread(name)
        elif careful and binding.artifact:
            if binding.artifact not in looked:
                looked[binding.artifact] = namespace.unreadable(binding)
            failure = looked[binding.artifact]
        if failure:
            return f"not all of {name} is there: {failure}"
    return ""


def is_alike(
    runtime: Runtime, given: Mapping[str, str], ignore: Collection[str], recorded: Execution
) -> bool:
    """Whether an execution with the same identity can be restored here."""
    return not unlike(runtime, recorded, given, ignore)


def unlike(
    runtime: Runtime, recorded: Execution, given: Mapping[str, str], ignore: Collection[str]
) -> str:
    """Why an execution with the same identity cannot be restored here: something that no version of
    an input tells. Empty where it can."""
    namespace = runtime.namespace
    counted = {n: v for n, v in recorded.given.items() if not is_ignored(n, ignore)}
    for name, binding in recorded.outputs.items():
        if binding.why in (CONTESTED, UNTOLD):
            return f"{name} {binding.why}"
        if binding.why == BESIDE and recorded.id not in runtime.here.get(recorded.step, ()):
            return f"{name} {BESIDE}"
        made = name in namespace.live and namespace.version(name) == binding.version
        if binding.why == registered.WHY and not made:
            return f"class {name} is not there, and {registered.WHY}"
    if why := _not_loaded(runtime, recorded):
        return why
    if why := wanting.reason(runtime, recorded):
        return why
    if other := runtime.surroundings.unlike(counted, given, recorded.around):
        return f"{other} changed"
    if why := sharers.unlike(runtime, recorded):
        return why
    if changed_names := sharing.differing(runtime, recorded):
        return f"{changed_names} share something else than they did"
    standing = namespace.generators.told()
    if recorded.kind == "function":  # where they stand now, also in the middle of a cell
        standing = randomness.fingerprints(randomness.state())
    for generator, stood in recorded.drawn.items():
        if stood == UNSEEDED and recorded.kind == "function":
            continue
        if stood != OWN and standing.get(generator, UNSEEDED) != stood:
            return f"it draws random numbers, and the state of {generator} is another one"
    return ""


@at_rest()
def inputs_of(
    runtime: Runtime, spec: Spec, last: Execution | None, *, anew: bool = False
) -> Inputs:
    """What a step is given.

    ``--inputs`` names the values; the code is what it is. If nobody can tell what the code reads
    (``exec``, ``globals()``), every name counts as an input: to compare, those that its ``last``
    execution recorded; to record ``anew``, all there are now. What such code made itself does not
    count, nor does a name that is not there (yet): it may come later in the notebook.
    """
    namespace = runtime.namespace
    live = namespace.live
    reads = set(spec.reads) | set(spec.inputs)
    reach = namespace.uses.of(reads, spec.imports)
    unseen = set(reach.stores)
    opaque = spec.loads is None or bool(reach.opaque)
    later: tuple[dict[str, str], dict[str, str]] = {}, {}
    if opaque and last is not None:
        # It may have bound again what it made the last time, to the very same object.
        now = namespace.bindings()
        same = {n for n, b in last.outputs.items() if n in now and now[n].version == b.version}
        unseen |= same
        reads -= same - last.inputs.keys() - last.uses.keys()
    whole = bool(spec.blind or reach.opaque)
    unpickles = not whole and _unpickles(spec, reach)
    if not spec.inputs and (whole or unpickles):
        if last is None or anew:
            made = last.outputs.keys() - last.inputs.keys() if last else set[str]()
            reads |= (namespace.bindings().keys() if whole else _code_in(live)) - made
        else:
            later = _not_there(last, live, reads | reach.data | reach.uses.keys())
            reads |= (last.inputs.keys() | last.uses.keys()) & live.keys()
    if opaque or unpickles:
        reach = namespace.uses.of(reads, spec.imports)
    names = set(spec.inputs) or reads | reach.data
    inputs, uses = later
    for name in sorted(names - set(spec.ignore) - set(reach.uses)):
        if name in live:
            inputs[name] = namespace.version(name)
        elif not opaque and not hasattr(builtins, name):
            inputs[name] = ABSENT
    uses |= {n: f for n, f in reach.uses.items() if n.removeprefix("module:") not in spec.ignore}
    if last is not None and not anew:
        _add_those_behind(runtime, last, inputs, uses)
    return Inputs(
        inputs,
        uses,
        frozenset(unseen - inputs.keys() - uses.keys()),
        touched(runtime, spec, reach, names, whole=whole),
    )


def _add_those_behind(
    runtime: Runtime, last: Execution, inputs: dict[str, str], uses: dict[str, str]
) -> None:
    """Add what the ``last`` execution was given by way of values that could not be brought back:
    the variables, functions and classes that their code uses, as these are now."""
    namespace = runtime.namespace
    live = namespace.live
    if not any(is_a(live.get(name), Placeholder) for name in inputs):
        return
    if missing := last.uses.keys() - uses.keys():
        found = namespace.uses.of(missing & live.keys()).uses
        uses |= {name: found[name] for name in missing & found.keys()}
    for name in (last.inputs.keys() & live.keys()) - inputs.keys() - uses.keys():
        inputs[name] = namespace.version(name)


def _unpickles(spec: Spec, reach: Reach) -> bool:
    codes = (mentions.of_code(code).attributes for code in reach.codes)
    return pickled.loads(reach.pickles, spec.mentions.attributes.union(*codes))


def _code_in(live: Mapping[str, object]) -> set[str]:
    """The names of the notebook's functions and classes."""
    return {
        name
        for name, value in list(live.items())
        if (type(value) is types.FunctionType and value.__globals__ is live)
        or (is_class(value) and module_of(value) == "__main__")
    }


def touched(
    runtime: Runtime, spec: Spec, reach: Reach, names: Iterable[str], *, whole: bool = False
) -> Held:
    """Which variables of modules a step touches that has this ``reach`` and reads these names,
    and which of the environment it reads (``$NAME``). ``whole``: all that the modules hold."""
    found = beside.reached(runtime.namespace.uses, reach, spec.mentions, names, whole=whole)
    there = [runtime.namespace.live.get(n) for n in names]
    found.mentions |= {type(each).__name__ for each in there}
    found.mentions |= {looking.name_of(each) for each in there if is_class(each)}  # D, for Decimal
    if spec.mentions.annotates:
        found.mentions.add(process.ANNOTATIONS)
    reads = found.reads | {f"${n}" for n in found.environment} | process.used(found.mentions)
    commanded, live = runtime.surroundings.commanded, runtime.namespace.live
    mentioned = {*names, *(chain[0] for chain in spec.mentions.chains)}
    values = [*(live.get(n) for n in mentioned), *reach.met]
    found.touches |= (kept := sessions.used(values))
    told = commanded.used(values)
    reads |= kept | set(map(name_of, told - commanded.tops(spec.commands)))
    found.reads = {n for n in reads - found.first if not is_ignored(n, spec.ignore)}
    return found


def is_ignored(name: str, ignore: Collection[str]) -> bool:
    """Whether ``--ignore`` names a variable of a module, or that module."""
    return name in ignore or name.rpartition(".")[0] in ignore


def _not_there(
    last: Execution, live: Mapping[str, object], visible: set[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The inputs and uses that code which could read any name was given the last time, and that
    are not there now; those it is ``visible`` to read left out."""
    inputs = {n: v for n, v in last.inputs.items() if n not in live and n not in visible}
    uses = {n: f for n, f in last.uses.items() if n not in live and n not in visible}
    if not inputs and all(n.startswith("module:") for n in uses):
        uses = {}  # modules that what is there reaches no more
    return inputs, uses


def why(
    runtime: Runtime,
    spec: Spec,
    last: Execution | None,
    inputs: dict[str, str],
    uses: dict[str, str],
    first: str,
    given: Mapping[str, str],
) -> str:
    """Why a step runs although something may be recorded of it: ``last`` is the execution to
    compare with, ``first`` what is said where there is none, ``given`` what it reads beside its
    variables."""
    if spec.always:
        return "--always"
    if spec.fresh:
        return "--fresh"
    if last is None:
        return first
    changes = changed(last, spec, inputs, uses, partial(_python_of, runtime.history, last))
    if changes:
        return "; ".join(changes)
    if last.status is Status.COMPENSATED:
        return "its last execution was compensated"
    if last.status is Status.COMPLETED and last.id in runtime.history.partly_undone:
        return "an effect of its last execution was undone"
    if last.status is Status.COMPLETED:
        not_here = _deletes_nothing(runtime, spec, last)
        not_here = not_here or unlike(runtime, last, given, spec.ignore)
        return not_here or "an earlier execution of it cannot be restored here"
    if last.error is None:
        return f"its last execution is {last.status}"
    if last.error.type == "KernelDied":
        return "the kernel died in its last execution"
    return f"its last execution is {last.status} ({last.error.type})"


def changed(
    last: Execution,
    spec: Spec,
    inputs: dict[str, str],
    uses: dict[str, str],
    python_of: Callable[[str], str],
) -> list[str]:
    """What differs from an earlier execution, as sentences that name the very thing. ``python_of``
    gives the Python that had compiled the code in a variable; empty for no code."""
    found = []
    if last.fingerprint != spec.fingerprint:
        found.append("its code changed")
    for name in sorted(last.uses.keys() | uses.keys()):
        if last.uses.get(name) != uses.get(name):
            what = f"module {name[7:]}" if name.startswith("module:") else f"helper {name}"
            found.append(_how(what, python_of(name), name in last.uses, name in uses))
    for name in sorted(last.inputs.keys() | inputs.keys()):
        if last.inputs.get(name) != inputs.get(name):
            there = [v not in (None, ABSENT) for v in (last.inputs.get(name), inputs.get(name))]
            found.append(_how(f"input {name}", python_of(name), *there))
    options = spec.recorded_options()
    for option in ("validate", "outputs"):  # those that are part of what a step is
        if last.options.get(option) != options.get(option):
            found.append(f"its option --{option} changed")
    return found


def _python_of(history: History, last: Execution, name: str) -> str:
    binding = history.binding(name, last.before)
    return binding.python if binding is not None else ""


def _how(what: str, python: str, before: bool, now: bool) -> str:
    if before and now and python not in ("", definitions.PYTHON):
        return f"{what} {definitions.other_python(python)}"
    return f"{what} changed" if before and now else f"{what} is {'new' if now else 'gone'}"
