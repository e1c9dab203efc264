"""The small parts: secrets, installers, programs, removal."""

from __future__ import annotations

import shlex
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import argon2
import pytest

from qhub.errors import LocalError, MissingSecret
from qhub.local import credentials, installer, removal
from qhub.local.facts import Machine
from qhub.local.files import mirror, secret, write_private
from qhub.local.settings import Certificate, FromEnvironment, FromFile, Hash
from qhub.local.supervisor import Program


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(
        project_name="demo",
        deployment=tmp_path,
        directory=tmp_path / "a folder",
        isolation="none",
        python=Path("/usr/bin/python3"),
        address="127.0.0.1",
        port=8000,
        url="http://127.0.0.1:8000",
        ports={"hub": 20001, "proxy": 20002},
        certificate=Certificate(type="disabled"),
    )


def test_a_hash_stays_as_long_as_its_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", "one")
    reference = FromEnvironment(env="PASSWORD")
    first = credentials.password_hash(reference, tmp_path, None, "x")
    assert first.startswith("$argon2id$")
    assert credentials.password_hash(reference, tmp_path, first, "x") == first
    monkeypatch.setenv("PASSWORD", "two")
    second = credentials.password_hash(reference, tmp_path, first, "x")
    assert argon2.PasswordHasher().verify(second, "two")


def test_hashes_and_no_password_pass_through(tmp_path: Path) -> None:
    given = Hash(hash="$2b$12$abc")
    assert credentials.password_hash(given, tmp_path, None, "x") == "$2b$12$abc"
    assert credentials.password_hash(None, tmp_path, "$argon2id$old", "x") == ""


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe\x00"])
def test_a_secret_that_is_not_there(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    with pytest.raises(MissingSecret, match="password of ada"):
        credentials.resolve(FromFile(file=Path("secret")), tmp_path, "password of ada")


def test_references_in_a_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT", "s3cret")
    (tmp_path / "file").write_text("from a file\n")
    tree = {"id": "x", "secret": {"env": "CLIENT"}, "list": [{"file": "file"}, 1]}
    assert credentials.resolved(tree, tmp_path, "config") == {
        "id": "x",
        "secret": "s3cret",
        "list": ["from a file", 1],
    }


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (
            "error: Failed to fetch: `x`\n  Caused by: dns error",
            "the package index can't be reached",
        ),
        (
            "error: Request failed\n  cause: Failed to download `https://x.org/cpython-3.13.18%2B1-y`"
            "\n  cause: dns error",
            "no Python 3.13 that users can run",
        ),
        (
            "solving gdal\nerror: the channel x can't be reached at x.org: dns error",
            "the channel x can't be reached at x.org",
        ),
        ("error: No space left on device (os error 28)", "the disk is full"),
        ("Using Python 3.11\n  x No solution found", "No solution found"),
        ("", "uv said nothing"),
    ],
)
def test_why_an_installation_failed(said: str, cause: str) -> None:
    assert cause in installer.cause(said)[0]


def test_pips_settings_count_for_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = https://mirror.example/simple\ncert = /a.pem\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    for name in ("PIP_INDEX_URL", "PIP_CERT", "UV_DEFAULT_INDEX", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    found = installer.uv_environment()
    assert found["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert found["SSL_CERT_FILE"] == "/a.pem"
    monkeypatch.setenv("PIP_INDEX_URL", "https://nearer.example/simple")
    assert installer.uv_environment()["UV_DEFAULT_INDEX"] == "https://nearer.example/simple"


def test_an_environment_is_only_complete_in_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "hub-1"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    assert not installer.is_complete(folder)
    (folder / ".complete").write_text(f"{folder}\n")
    assert installer.is_complete(folder)
    folder.rename(tmp_path / "hub-2")
    assert not installer.is_complete(tmp_path / "hub-2")


def test_programs_with_strange_words(machine: Machine) -> None:
    words = ["/a folder/bin/x", "--with=100%", 'a "quote"']
    text = Program("x", words, environment={"TOKEN": "a%b,c"}, revision="1").render(machine)
    lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert shlex.split(lines["command"].replace("%%", "%")) == words
    assert lines["environment"] == 'TOKEN="a%%b,c",QHUB_REVISION="1"'


def test_files_are_private_and_whole(tmp_path: Path) -> None:
    file = tmp_path / "x"
    assert write_private(file, "one")
    assert not write_private(file, "one")
    assert write_private(file, "two")
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert secret(tmp_path / "token") == secret(tmp_path / "token")


def test_nothing_below_another_file_system_is_removed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.homes.mkdir(parents=True)
    monkeypatch.setattr("qhub.local.system.mounts_below", lambda folder: [machine.homes / "nas"])
    with pytest.raises(LocalError, match="another file system"):
        removal._remove_files(machine, keep_data=False)
    assert machine.homes.is_dir()


def test_links_are_removed_and_not_followed(machine: Machine, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    machine.homes.mkdir(parents=True)
    (machine.homes / "link").symlink_to(outside)
    machine.shared.symlink_to(outside)
    (machine.directory / ".qhub-deployment").touch()
    removal._remove_files(machine, keep_data=False)
    assert not machine.directory.exists()
    assert (outside / "precious").exists()


def test_data_that_is_kept_has_the_host_key(machine: Machine) -> None:
    """Else every client would warn after the next deploy."""
    machine.private.mkdir(parents=True)
    for name in ("ssh_host_ed25519_key", "ssh_host_ed25519_key.pub", "ssh.json"):
        (machine.private / name).touch()
    removal._remove_files(machine, keep_data=True)
    kept = {path.name for path in machine.private.iterdir()}
    assert kept == {"ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"}


def test_what_is_mirrored_already_is_not_written_again(tmp_path: Path) -> None:
    """A stage that copies the hub's code runs beside another that reads it."""
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "code.py").write_text("one")
    assert mirror(source, target, 0o700)
    copy = target / "inner" / "code.py"
    before = copy.stat().st_ino, copy.stat().st_mtime_ns
    mirror(source, target, 0o700)
    assert (copy.stat().st_ino, copy.stat().st_mtime_ns) == before
    (source / "inner" / "code.py").write_text("two")
    with copy.open() as still_read:
        mirror(source, target, 0o700)
        assert (still_read.read(), copy.read_text()) == ("one", "two")


def test_who_mirrors_at_the_same_time_stands_in_nobody_s_way(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for number in range(50):
        (source / f"new{number}.py").write_text("new")
    for _ in range(5):
        target.mkdir()
        for number in range(200):
            (target / f"old{number}.py").write_text("old")
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(lambda _: mirror(source, target, 0o700), range(4)))
        assert {path.name for path in target.iterdir()} == {path.name for path in source.iterdir()}
        shutil.rmtree(target)


def test_a_mirror_leaves_caches_to_python(tmp_path: Path) -> None:
    source, cache = (
        tmp_path / "source",
        tmp_path / "target" / "__pycache__" / "code.pyc",
    )
    source.mkdir()
    (source / "code.py").write_text("one")
    cache.parent.mkdir(parents=True)
    cache.touch()
    assert mirror(source, tmp_path / "target", 0o700)
    assert cache.exists()
