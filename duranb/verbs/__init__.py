"""The verbs, each declared once: its words, its help and the function that carries it out.

From a declaration come ``%duranb VERB`` and ``duranb VERB`` (:mod:`duranb.verbs.parser`), the
method of ``duranb.current()``, the timeline's request with its TypeScript type, and whether a cell
that uses the verb is known to touch no variable. To add an option, add a field to a verb in
:mod:`duranb.verbs.table`. Nothing here is heavy: a verb's function is imported when it is used.
"""
