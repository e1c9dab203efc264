"""The door to ruamel.yaml leaves the package as it was for everybody else."""

from __future__ import annotations

import subprocess
import sys

WHOLE = """
import io, ruamel.yaml
yaml = ruamel.yaml.YAML()
data, text = yaml.load('a: 1   # kept\\n'), io.StringIO()
yaml.dump(data, text)
assert text.getvalue() == 'a: 1   # kept\\n'
"""
OURS = "from qhub.config import parse\nparse('project_name: x\\nsecurity: {}')\n"


def run(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_whole_package_can_be_imported_afterwards() -> None:
    run(OURS + WHOLE + OURS)


def test_the_whole_package_can_be_there_already() -> None:
    run(WHOLE + OURS + WHOLE)


def test_only_what_is_needed_is_imported() -> None:
    run(OURS + "import sys\nassert not [m for m in sys.modules if m.startswith('ruamel.yaml')]")
