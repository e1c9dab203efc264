"""docs/tutorial.md, as it is written: every block is run, in order, in a copy of this clone.

```sh           in one shell, from first to last; fails with its first command that fails
```ssh          there too; a password that is asked for is Ben's token
```python NAME  in a notebook of that person's
```yaml append  goes to the end of the configuration
```text         has to be in what the block before it printed
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.local.browser import Kernel, Person
from tests.local.conftest import ROOT
from tests.local.deployment import free_port

CLONE = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\S+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END = "--- end of block"


@dataclass
class Reader:
    """Somebody who does what the tutorial says."""

    clone: Path
    kernels: dict[str, Kernel] = field(default_factory=dict)
    said: str = ""

    def __post_init__(self) -> None:
        askpass = self.clone / "askpass"
        askpass.write_text(f"#!/bin/sh\ncat {self.hub / 'ben.token'}\n")
        askpass.chmod(0o755)
        ssh = {"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "LC_ALL": "C.UTF-8"}
        self.shell = subprocess.Popen(
            ["bash"],
            cwd=self.clone,
            env={**os.environ, **ssh},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def hub(self) -> Path:
        return self.clone / "hub"

    def sh(self, _: str, commands: str) -> None:
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        if "qhub destroy" in commands:
            self.kernels.clear()
        # Else ssh would take what comes after it for its own input.
        block = f"set -e\n{{\n{commands}\n}} < /dev/null\nset +e\necho '{END}'\n"
        self.shell.stdin.write(block)
        self.shell.stdin.flush()
        lines = []
        for line in self.shell.stdout:
            if line.startswith(END):
                break
            lines.append(line)
        else:
            pytest.fail(f"{commands}\n{''.join(lines)}")
        self.said = "".join(lines)
        print(f"{commands}\n{self.said}")  # shown when something fails later

    ssh = sh

    def python(self, name: str, code: str) -> None:
        if name not in self.kernels:
            self.kernels[name] = self._log_in(name).kernel()
        self.said = self.kernels[name].run(code, seconds=120)
        assert "Traceback" not in self.said, self.said

    def _log_in(self, name: str) -> Person:
        url = re.search(r"https?://127\.0\.0\.1:\d+", self._run("qhub status"))
        assert url
        person = Person(url[0])
        assert person.login(name, (self.hub / f"{name}.password").read_text().strip()), person.page
        person.start()
        person.enter()
        return person

    def _run(self, command: str) -> str:
        before = self.said
        self.sh("", command)
        said, self.said = self.said, before
        return said

    def yaml(self, how: str, text: str) -> None:
        assert how == "append"
        # Another SSH service of this machine may have the port that is the default.
        text = text.replace("enabled: true\n", f"enabled: true\n  port: {free_port()}\n")
        config = self.hub / "qhub-config.yaml"
        config.write_text(config.read_text() + "\n" + text)

    def text(self, _: str, expected: str) -> None:
        assert expected.strip() in self.said


@pytest.fixture
def reader(place: Path) -> Iterator[Reader]:
    if shutil.which("ssh") is None:
        pytest.skip("no ssh client")
    if ROOT and "qhub-ada:" in Path("/etc/passwd").read_text():
        pytest.skip("this machine has an ada of its own")
    clone = place / "tutorial"
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=CLONE, text=True).split("\0")
    for name in filter(None, names):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # removed, not yet committed
            shutil.copy(CLONE / name, clone / name)
    made = Reader(clone)
    try:
        yield made
    finally:
        made.shell.kill()
        made.shell.wait()
        if (made.hub / "qhub-config.yaml").exists():
            subprocess.run([clone / "venv/bin/qhub", "destroy", "--yes"], cwd=made.hub, timeout=300)


@pytest.mark.timeout(1200)
def test_every_command_of_the_tutorial(reader: Reader) -> None:
    blocks = BLOCK.findall((CLONE / "docs" / "tutorial.md").read_text())
    assert {kind for kind, _, _ in blocks} == {"sh", "python", "text", "yaml", "ssh"}
    for kind, word, content in blocks:
        getattr(reader, kind)(word, content)
