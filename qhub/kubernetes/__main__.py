"""`qhub-cluster`: what Helm calls while Terraform applies a module; not meant for people."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from qhub.kubernetes.manifests import with_priority


def main(arguments: Sequence[str] | None = None) -> int:
    """Change the manifests on stdin as Helm's `postrender` does; the exit code."""
    parser = argparse.ArgumentParser(prog="qhub-cluster")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("prioritize", help="give pods a PriorityClass")
    command.add_argument("priority_class")
    options = parser.parse_args(arguments)
    print(with_priority(sys.stdin.read(), options.priority_class))
    return 0


if __name__ == "__main__":
    sys.exit(main())
