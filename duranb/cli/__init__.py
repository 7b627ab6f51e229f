"""The ``duranb`` command."""

from duranb.cli.main import main

__all__ = ["main"]
