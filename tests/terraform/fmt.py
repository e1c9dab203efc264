"""`python -m tests.terraform.fmt [--check]`: `terraform fmt` by the engine that qhub finds."""

import subprocess
import sys
from pathlib import Path

from qhub.terraform import find_engine

HERE = Path(__file__).parent
FOLDERS = (HERE.parents[1] / "qhub" / "templates" / "stages", HERE / "rules")


def fmt(*options: str) -> subprocess.CompletedProcess[str]:
    """Format the HCL of stages and their rules; with `-check` only look. Lists what differs."""
    command = [*find_engine().command, "fmt", "-recursive", "-diff", *options, *map(str, FOLDERS)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    done = fmt(*("-check" for option in sys.argv[1:] if option == "--check"))
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr if done.returncode else "")
    sys.exit(done.returncode)
