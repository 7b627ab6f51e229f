"""Readers fuzzed by coverage, with atheris, which is no dependency: ``pip install atheris``.

python -m tests.faults.guided NAME [--seconds 60]
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found]


def main() -> None:
    """See above."""
    with atheris.instrument_imports(include=["duranb"]):  # before anybody else imports it
        fuzzing = importlib.import_module("tests.faults.fuzzing")
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=fuzzing.READERS)
    parser.add_argument("--seconds", type=int, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="corpus-") as corpus:
        for number, sample in enumerate(fuzzing.SAMPLES[given.name]):
            (Path(corpus) / str(number)).write_bytes(sample)
        limits = [f"-max_total_time={given.seconds}", "-max_len=4096", "-timeout=20"]
        atheris.Setup(["guided", *limits, corpus], fuzzing.READERS[given.name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
