"""A notebook run headless, or replayed offline, through any number of kernels."""

from duranb.text import grammars

grammars.when_needed()  # also in processes that begin here: those that run the rows of a table
