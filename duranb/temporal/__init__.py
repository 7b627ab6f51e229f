"""An exported notebook on Temporal: where runs outgrow one machine.

One workflow (:mod:`duranb.temporal.workflow`) takes any plan as its input and imports nothing of
the user's; one activity runs a node of it over duranb's engine, with its journal in a bucket that
all workers share. ``python -m duranb.temporal`` has a worker and what starts, shows and answers
runs.

Nothing is imported here: Temporal's sandbox imports this package for each run.
"""
