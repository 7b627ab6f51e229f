"""``python -m tests.matrix [NAME…] [-- PYTEST…]``: the tests in every environment that is claimed.

One environment after the other: each claimed Python with the lowest and the newest versions of
the declared ranges, and with openai 2 between them. The exit code is 1 unless all are green. What
follows ``--`` is pytest's; files named there replace the usual choice.
"""

from __future__ import annotations

import argparse
import sys

from tests.matrix import pythons
from tests.matrix.environments import ENDS, Environment, Outcome


def matrix() -> dict[str, Environment]:
    """Every environment by name, in the order in which they are tested."""
    made = [Environment(version, end) for version in pythons.claimed() for end in ENDS]
    return {each.name: each for each in made}


def outcome_of(environment: Environment, arguments: list[str]) -> Outcome:
    """An environment's outcome; broken where its Python is not on this machine."""
    python = pythons.find(environment.version)
    if python is None:
        return Outcome(
            broken=f"Python {environment.version} was found neither on PATH nor under pyenv: "
            f"set {pythons.variable(environment.version)} to its path"
        )
    return environment.run(python, arguments)


def table(outcomes: dict[str, Outcome]) -> str:
    """Who is green, one line each."""
    lines = [f"{'environment':<16}{'passed':>8}{'failed':>8}{'skipped':>8}"]
    for name, found in outcomes.items():
        counts = f"{found.passed:>8}{len(found.failed):>8}{found.skipped:>8}"
        verdict = "green" if found.green else found.broken or "RED"
        lines.append(f"{name:<16}{counts}  {verdict}")
    return "\n".join(lines)


def main() -> int:
    """Exit code 0 when every environment asked for is green."""
    known = matrix()
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    ours, arguments = sys.argv[1:at], sys.argv[at + 1 :]
    names = parser.parse_args(ours).names or list(known)
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"no such environment: {', '.join(unknown)}; there are {', '.join(known)}")
    outcomes: dict[str, Outcome] = {}
    for name in names:
        print(f"{name} …", flush=True)
        outcomes[name] = found = outcome_of(known[name], arguments)
        for test in found.failed:
            print(f"  failed: {test}", flush=True)
        if not found.green:
            print(f"  see {known[name].log}", flush=True)
    print(table(outcomes))
    return 0 if all(found.green for found in outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
