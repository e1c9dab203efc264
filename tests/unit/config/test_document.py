"""Reading YAML: places, anchors, merges, and whatever else a file may be."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from qhub.config import check, load
from qhub.config.document import LARGEST_FILE, dotted, masked, parse
from qhub.errors import ConfigError, Problem

from .support import SECURITY, config

LINES = "`key: value` lines"


def data(text: str) -> object:
    document = parse(text, "f.yaml")
    assert document.problems == []
    return document.data


def told(text: str) -> list[str]:
    return [f"{p.line}:{p.column} {p.message}" for p in sorted_problems(text)]


def sorted_problems(text: str) -> list[Problem]:
    return sorted(parse(text, "f.yaml").problems, key=lambda p: (p.line, p.column))


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1), ("-0x1F", "-0x1F"), ("0x1F", 31), ("0o17", 15), ("017", 17), ("+5", 5),
        ("1.20", 1.2), ("1e3", 1000.0), (".5", 0.5), ("-.inf", float("-inf")), ("1_000", "1_000"),
        ("true", True), ("yes", "yes"), ("on", "on"), ("~", None), ("", None), ("null", None),
        ("2026-01-01", "2026-01-01"), ("12:30:45", "12:30:45"), ("'1'", "1"), ('"a\\n"', "a\n"),
        ("!!str 1", "1"), ("!!int '1'", 1), ("|\n  x\n", "x\n"), ("9" * 500, "9" * 500),
        ("[1, a]", [1, "a"]), ('"\\ud83d\\ude00"', "\U0001f600"),
        ("{a: {b: 1}}", {"a": {"b": 1}}), (".", "."), ("-", [None]),
    ],
)  # fmt: skip
def test_core_schema(written: str, value: object) -> None:
    if written == "-":
        written = "\n  -"
    assert data(f"a: {written}") == {"a": value}


def test_places() -> None:
    document = parse("a: 1\nb:\n  - x\n  - c: 1.20\n    d:\n", "f.yaml")
    assert document.place(("b",), key=True)[:2] == (2, 1)
    assert document.place(("b", 0))[:2] == (3, 5)
    assert document.place(("b", 1, "c"))[:2] == (4, 8)
    assert document.text(("b", 1, "c")) == "1.20"
    # What has no value is shown at its key; what is not there, where its parent is.
    assert document.place(("b", 1, "d"))[:2] == (5, 5)
    assert document.place(("b", 1, "nothing", "at all"))[:2] == (4, 5)
    assert document.place(("nothing",))[:2] == (1, 1)


def test_anchors_and_merges() -> None:
    text = "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: *a\nd: {<<: [{x: 5}, *a], z: 1}\n*n : 1\n"
    text = text.replace("*n : 1\n", "")
    document = parse(text, "f.yaml")
    assert document.problems == []
    assert document.data["b"] == {"y": 3, "x": 1}
    assert document.data["c"] is document.data["a"]
    assert document.data["d"] == {"z": 1, "x": 5, "y": 2}
    # A merged key stands where it was written.
    assert document.place(("b", "x"), key=True)[:2] == (1, 8)
    assert document.place(("c",))[:2] == (5, 4)


def test_merged_profiles_are_checked_where_they_stand() -> None:
    merged = config("""\
    profiles:
      jupyterlab:
        - &small
          display_name: Small
          kubespawner_override: &size {cpu_limit: 1, mem_limit: 2G}
        - <<: *small
          display_name: Big
          kubespawner_override: {<<: *size, mem_limit: 4G}
    """)
    assert [p.kubespawner_override.mem_limit.text for p in merged.profiles.jupyterlab] == [
        "2G",
        "4G",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a:\n\tb: 1", ["2:1 a tab in the indentation"]),
        ("a:\n  b: 1\n \tc: 1", ["3:2 a tab in the indentation"]),
        ("a: 1\na: 2", [
            "1:1 `a` is set twice; the other one is in line 2",
            "2:1 `a` is set twice; the other one is in line 1",
        ]),
        ("", ["1:1 the file is empty"]),
        ("# only words\n", ["1:1 the file is empty"]),
        ("---\n...\n", ["1:1 the file is empty"]),
        ("{}", ["1:1 the file sets nothing"]),
        ("- a\n- b", ["1:1 this is a list; a configuration consists of " + LINES]),
        ("# x\njust words", ["2:1 this is a single value; a configuration consists of " + LINES]),
        ("a: 1\n---\nb: 2", ["2:1 a second YAML document starts here"]),
        ("a: *b", ["1:4 `*b` refers to no anchor"]),
        ("a: &b 1\nc: *B", ["2:4 `*B` refers to no anchor; did you mean `b`?"]),
        ("a: &a [*a]", ["1:8 `*a` would contain itself"]),
        ("a: {<<: 1}", ["1:9 `<<` takes a mapping or a list of mappings"]),
        ("1: a", ["1:1 a key has to be text, this is `1`"]),
        ("x: 1\n? [a]\n: b", ["2:3 a key has to be text, not a list or mapping"]),
        ("{a: 1, {b: 1}: c}", ["1:8 a key has to be text, not a list or mapping"]),
        ("true: 1", ["1:1 a key has to be text, this is `true`"]),
        ("a: !!python/name:x", ["1:4 the tag `!!python/name:x` has no meaning here"]),
        ("a: !secret x", ["1:4 the tag `!secret` has no meaning here"]),
        ("a: b: c", ["1:5 a second `:` in this line, or an indentation that does not fit"]),
        ("a:\n   b: 1\n  c: 2", ["3:3 the indentation does not fit the lines above"]),
        ("a: [1, 2\nb: 3", ["2:2 a `,` or the closing bracket is missing"]),
        ("a: 'x", ["1:6 the text in quotes does not end"]),
        ("a: @x", ["1:4 text can't start or go on with this character"]),
        ("a: 1\nb: \x07", ["2:4 the character U+0007 is not allowed in YAML"]),
        ("a: " + "[" * 100, ["1:63 this is nested more than 60 levels deep"]),
        ("%YAML 9.x\n---\na: 1", None),
        ("a: \"\\xZZ\"", None),
        ("&a &b c: 1", None),
        ("\ud800: 1", None),
        ('a: "\\ud800"', ["1:4 this text holds half a character (a lone surrogate)"]),
    ],
)  # fmt: skip
def test_what_can_not_be_read(text: str, said: list[str] | None) -> None:
    found = told(text)
    assert found
    if said is not None:
        assert found == said


def test_what_is_shown_is_short_and_moves_no_cursor() -> None:
    text = "x" * 3000 + ': 1\nproject_name: "\\e[2J' + "y" * 3000 + '"\nsecurity: {}\n'
    with pytest.raises(ConfigError) as error:
        config("", head=text, tail="")
    for problem in error.value.problems:
        for shown in (problem.message, problem.hint, problem.source):
            assert shown is None or (len(shown) <= 1000 and shown.isprintable())


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for n in range(1, 10):
        lines.append(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]")
    assert ["stands for more than 1,000,000 values" in said for said in told("\n".join(lines))] == [
        True
    ]


def test_a_line_with_a_problem_of_the_reader_is_not_complained_of_again() -> None:
    document = parse("project_name: *x\nsecurity: {}\n", "f.yaml")
    assert len(document.problems) == 1
    with pytest.raises(ConfigError) as error:
        config("", head="project_name: *x\n")
    assert len(error.value.problems) == 1


# --- files -----------------------------------------------------------------------------------


def problem_of(path: Path) -> Problem:
    [problem] = check(path).problems
    with pytest.raises(ConfigError):
        load(path)
    return problem


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "f.yaml"
    path.write_bytes(content)
    return path


SOUND = f"project_name: demo\n{SECURITY}"


def test_no_file(tmp_path: Path) -> None:
    problem = problem_of(tmp_path / "f.yaml")
    assert problem.message == "there is no such file"
    assert "qhub init" in (problem.hint or "")
    assert problem.place == str(tmp_path / "f.yaml")


def test_a_directory(tmp_path: Path) -> None:
    assert problem_of(tmp_path).message == "this is a directory"


def test_a_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f.yaml")
    assert problem_of(tmp_path / "f.yaml").message == "this is not a regular file"


def test_a_device_does_not_hang() -> None:
    assert problem_of(Path("/dev/zero")).message == "this is not a regular file"


@pytest.mark.parametrize("name", ["no\0name", "x" * 300, "a/b/c"])
def test_impossible_paths(tmp_path: Path, name: str) -> None:
    assert problem_of(tmp_path / name)


def test_a_file_below_a_file(tmp_path: Path) -> None:
    assert problem_of(written(tmp_path, b"") / "f.yaml").message.startswith(
        "the file can't be read"
    )


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> int:
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path, SOUND.encode())
    monkeypatch.setattr(os, "open", refuse)  # root reads everything, so chmod would not do
    assert problem_of(path).message == "you may not read this file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_for_real(tmp_path: Path) -> None:
    path = written(tmp_path, SOUND.encode())
    path.chmod(0)
    assert problem_of(path).message == "you may not read this file"


def test_a_binary_file(tmp_path: Path) -> None:
    assert "binary" in problem_of(written(tmp_path, b"\x7fELF\x02\x01\0\0")).message


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    problem = problem_of(written(tmp_path, b"project_name: demo\nnamespace: caf\xe9\n"))
    assert problem.message == "the byte 0xE9 is not UTF-8 text"
    assert (problem.line, problem.column) == (2, 15)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16(tmp_path: Path, encoding: str) -> None:
    assert problem_of(written(tmp_path, SOUND.encode(encoding)))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_and_byte_order_mark(tmp_path: Path, line_end: str) -> None:
    text = SOUND.replace("\n", line_end)
    assert check(written(tmp_path, text.encode("utf-8-sig"))).problems == []
    wrong = "profilse: {}" + line_end + text
    problem = problem_of(written(tmp_path, ("# x" + line_end + wrong).encode("utf-8-sig")))
    assert (problem.line, problem.column, problem.source) == (2, 1, "profilse: {}")


@pytest.mark.parametrize("filler", [b"# x\n", b"a: [1, 2]\n", b"\xff", b"(", b"[", b"'", b"- "])
def test_five_megabytes_are_refused_at_once(tmp_path: Path, filler: bytes) -> None:
    path = written(tmp_path, filler * (5_000_000 // len(filler)))
    start = time.perf_counter()
    assert "larger than 4 MB" in problem_of(path).message
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    "filler", ["(", "[", "{", "- ", "'", "a: ", "? ", "&a ", "*a ", "!", "\t", '"']
)
def test_garbage_takes_linear_time(filler: str) -> None:
    text = filler * (60_000 // len(filler))
    start = time.perf_counter()
    assert told(text)
    assert time.perf_counter() - start < 5
    assert LARGEST_FILE < 5_000_000


def test_dotted_paths() -> None:
    assert dotted(("profiles", "jupyterlab", 0, "default")) == "profiles.jupyterlab[0].default"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  password: hunter2", "  password: ***"),
        ("  client_secret: 'a b'", "  client_secret: ***"),
        ("a: {password: x, uid: 1}", "a: {password: ***"),
        ("  password: {env: NAME}", "  password: {env: NAME}"),
        ("  secret_name: tls", "  secret_name: tls"),
        ("password:", "password:"),
    ],
)
def test_shown_lines_hold_no_secrets(line: str, shown: str) -> None:
    assert masked(line) == shown
