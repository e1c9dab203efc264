"""What `qhub-env` reads of a person's `environment.yml`; the rest needs a deployment."""

from __future__ import annotations

from pathlib import Path

import pytest

from qhub.hub import qhub_env


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("- 5", "it has no list `dependencies`"),
        ("dependencies: 5", "it has no list `dependencies`"),
        ("name: x", "it has no list `dependencies`"),
        ("name: 5\ndependencies: [python]", "`name` is no text: 5"),
        ("dependencies: [{pip: tabulate}]", "`pip` is no list of texts: 'tabulate'"),
        ("dependencies: [{pip: [six, 5]}]", "`pip` is no list of texts: ['six', 5]"),
        ("dependencies: [{conda: [six]}]", "`pip` is no list of texts: None"),
        ("dependencies: [", "while parsing"),
        (b"\xff\xfe\x00", "can't decode"),
    ],
)
def test_a_file_of_no_use_is_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | bytes, reason: str
) -> None:
    file = tmp_path / "environment.yml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert qhub_env.main(["create", "--file", str(file)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {file} is no environment file: ")
    assert reason in said
