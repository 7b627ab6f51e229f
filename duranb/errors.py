"""Every error duranb raises on purpose, as one tree.

::

    DuranbError
    ├── UsageError              an unknown option, a name used twice, a bad argument
    ├── StoreError
    │   ├── StoreLocked         another kernel holds the store
    │   ├── StoreDamaged        what is on disk is not what was acknowledged
    │   ├── StoreTooNew         written by a later duranb
    │   ├── StoreEncrypted      its key is not here, or is another one
    │   ├── StoreUnwritable     read-only folder, full disk, folder removed
    │   ├── Superseded          somebody else appended to the history first
    │   └── Untrusted           somebody else wrote it: data, not code
    ├── StepError
    │   ├── Reject              the model's answer is no good: ask again   (content)
    │   ├── ValidationFailed    ``--validate`` was false or raised         (content)
    │   ├── StepTimeout         ``--timeout`` passed                       (transport)
    │   ├── InDoubt             an effect may or may not have happened
    │   ├── BudgetExceeded      a call would cost more than is left
    │   ├── BatchFailed         a batch API gave no answer to a call
    │   ├── AnswerTooLong       a server sent more than is recorded of one answer
    │   ├── ItemFailed          an item of a map failed after all its tries
    │   ├── Waiting             a question has no answer yet, a timer has not ended
    │   ├── Expired             nobody answered, or no signal came, in time
    │   └── Unrecorded          strict replay met a call that is not in the journal
    └── StateError
        ├── NotRestorable       a value that could not be stored was used
        └── NoSuchStep          a step, execution or branch that is not in the history

Each message says what happened, to which step, and what to do next. In a notebook they show as
that message alone: IPython asks an exception for ``_render_traceback_``.
"""

from __future__ import annotations

import traceback

from duranb.terminal import tame

__all__ = [
    "AnswerTooLong",
    "BatchFailed",
    "BudgetExceeded",
    "DuranbError",
    "Expired",
    "InDoubt",
    "ItemFailed",
    "NoSuchStep",
    "NotImported",
    "NotRestorable",
    "Reject",
    "StateError",
    "StepError",
    "StepTimeout",
    "StoreDamaged",
    "StoreEncrypted",
    "StoreError",
    "StoreLocked",
    "StoreTooNew",
    "StoreUnwritable",
    "Superseded",
    "Unrecorded",
    "Untrusted",
    "UsageError",
    "ValidationFailed",
    "Waiting",
]


class DuranbError(Exception):
    """Root of the tree. ``message`` is complete: it needs no traceback beside it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def _render_traceback_(self) -> list[str]:
        return [f"duranb: {type(self).__name__}: {tame(self.message)}"]


class UsageError(DuranbError):
    """The user's words are off: an unknown option, a step name used twice, a bad argument."""


class NotImported(UsageError):
    """A step does not fit what was imported for it, or was not done there."""


class StoreError(DuranbError):
    """The store could not do what was asked of it. Nothing acknowledged is lost."""


class StoreLocked(StoreError):
    """Another process holds the store; ``pid`` is its process id (0 when it is not known)."""

    def __init__(self, message: str, pid: int = 0) -> None:
        super().__init__(message)
        self.pid = pid

    def __reduce__(self) -> tuple[type[StoreLocked], tuple[str, int]]:
        return type(self), (self.message, self.pid)


class StoreDamaged(StoreError):
    """What is on disk is not what was acknowledged; the originals were set aside, not deleted."""


class StoreTooNew(StoreError):
    """The store was written by a later version of duranb."""


class StoreEncrypted(StoreError):
    """The store is encrypted, or is to be, and the key for that is not here or is another one."""


class StoreUnwritable(StoreError):
    """The store cannot be written: read-only folder, full disk, folder removed."""


class Superseded(StoreError):
    """An append that relied on being the next found that somebody else had appended first."""

    @classmethod
    def at(cls, last: int, expected: int) -> Superseded:
        """The history ends at event ``last``; the writer had ``expected``."""
        return cls(
            f"the history has gone on without this writer: it ends at event {last}, not at "
            f"{expected}. Another writer has taken over: nothing was written"
        )


class Untrusted(StoreError):
    """A history is neither sealed with this user's key nor trusted, so it is only looked at."""


class StepError(DuranbError):
    """A step could not go on."""


class Reject(StepError):
    """Raise this in a step when a model's answer is no good.

    The latest call of the attempt is rejected and made anew, the earlier ones are kept.
    """

    def __init__(self, message: str = "the answer was rejected") -> None:
        super().__init__(message)


class ValidationFailed(StepError):
    """``--validate`` was false, or raised, after the body had run."""


class StepTimeout(StepError, TimeoutError):
    """An attempt took longer than ``--timeout``."""


class Expired(StepError):
    """A question's deadline, or a wait's timeout, passed with nothing there. It is recorded: the
    same is raised whenever the step runs again."""


class InDoubt(StepError):
    """The process died inside an effect, and nobody can know whether it happened."""


class BudgetExceeded(StepError):
    """A call was not made, since it would cost more than is left of a budget."""


class BatchFailed(StepError):
    """A batch API rejected a call, or did not make it in time. ``status_code`` is the HTTP status
    that the call would have had by itself."""

    def __init__(self, message: str, status_code: int = 0) -> None:
        super().__init__(message)
        self.status_code = status_code

    def __reduce__(self) -> tuple[type[BatchFailed], tuple[str, int]]:
        return type(self), (self.message, self.status_code)


class AnswerTooLong(StepError):
    """A server sent more than is recorded of one answer. It is kept in the history as why a call is
    not recorded; the step was given all of it."""


class ItemFailed(StepError):
    """An item of a map failed after all its tries; ``index`` is its place, from 0. What the others
    have made is kept. The error itself is the ``__cause__``."""

    def __init__(self, message: str, index: int = 0) -> None:
        super().__init__(message)
        self.index = index

    def __reduce__(self) -> tuple[type[ItemFailed], tuple[str, int]]:
        return type(self), (self.message, self.index)

    def _render_traceback_(self) -> list[str]:
        """Where the item's own code failed is what has to be looked at."""
        cause = self.__cause__
        shown = [] if cause is None else traceback.format_exception(cause)
        return [*(line.rstrip("\n") for line in shown), *super()._render_traceback_()]


class Waiting(StepError):
    """The step waits for an answer that nobody has given yet, or for a time to come."""


class Unrecorded(StepError):
    """Strict replay met a call that is not in the journal."""


class StateError(DuranbError):
    """The namespace could not be brought where it was asked to go."""


class NotRestorable(StateError):
    """A value that could not be stored was used after a restart."""


class OtherPython(StateError):
    """A stored value holds code that another version of Python compiled."""


class NoSuchStep(StateError):
    """There is no such step, execution or branch in the history."""
