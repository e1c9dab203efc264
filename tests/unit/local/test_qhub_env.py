"""What `qhub-env` reads of a person's `environment.yml`; the rest needs a deployment."""

from __future__ import annotations

import json
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


def test_environments_are_listed_by_the_names_they_were_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for kernel, metadata in (
        ("my-maps", {qhub_env.MARK: f"{tmp_path}/.local/share/qhub/environments/My-Maps-0a1b"}),
        ("foreign", {}),
    ):
        folder = tmp_path / ".local" / "share" / "jupyter" / "kernels" / kernel
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps({"metadata": metadata}))
    assert qhub_env.main(["list"]) == 0
    assert capsys.readouterr().out == "My-Maps\n"
