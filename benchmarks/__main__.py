"""`python -m benchmarks [NAME…]`: ratios measured in one run, as a table and as JSON.

Never part of the tests: a figure says something only beside the one it was measured with.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import config, kubernetes, load, local
from benchmarks.result import Result

BENCHMARKS: dict[str, Callable[[], Iterator[Result]]] = {
    "config": config.run,
    "local": local.run,
    "load": load.run,
    "kubernetes": kubernetes.run,
}
FILE = Path(__file__).parent / "results.json"


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all that this machine alone can run."""
    results: list[Result] = []
    print(f"{'benchmark':<58} {'ours':>8} {'other':>8} {'ratio':>6} {'aim':>6}")
    for name in names or (name for name in BENCHMARKS if name != "kubernetes"):
        for result in BENCHMARKS[name]():
            results.append(result)
            reached = "" if result.ratio <= result.target else "  not reached"
            print(
                f"{result.name:<58} {result.measured:>6.2f} {result.unit}"
                f" {result.reference:>6.2f} {result.unit}"
                f" {result.ratio:>6.2f} ≤ {result.target:<4}{reached}",
                flush=True,
            )
            if result.note:
                print(f"    {result.note}")
    FILE.write_text(json.dumps([result.as_dict() for result in results], indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
