"""``python -m duranb``."""

from duranb.cli import main

main()
