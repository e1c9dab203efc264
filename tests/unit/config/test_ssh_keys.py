"""Public keys in the file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from pydantic_core import PydanticCustomError

from qhub.config.ssh_keys import public_key

from .support import SECURITY, told

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2P2thfs12tkRO5Gt9oFlv+d92dG2wbK/U0Qzd8Q8K3"


def refusal(text: str) -> str:
    with pytest.raises(PydanticCustomError) as caught:
        public_key(text)
    return f"{caught.value} ({(caught.value.context or {})['hint']})"


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs the OpenSSH client")
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa:256", "ecdsa:384", "ecdsa:521", "rsa:2048"])
def test_keys_of_openssh_are_taken(tmp_path: Path, kind: str) -> None:
    name, _, bits = kind.partition(":")
    flags = ["-t", name, *(["-b", bits] if bits else []), "-C", "ada's laptop"]
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", tmp_path / "key", *flags], check=True)
    line = (tmp_path / "key.pub").read_text()
    assert public_key(line) == line.strip()
    for cut in (line.split()[1][:-8], line.split()[1][:40], ""):
        assert "damaged or cut off" in refusal(f"{line.split()[0]} {cut}")


def test_a_comment_and_spaces_do_no_harm() -> None:
    assert public_key(ED25519) == ED25519
    assert public_key(f"  {ED25519}  ada@laptop at home\n") == f"{ED25519} ada@laptop at home"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nabc", "private key"),
        (f'command="/bin/date" {ED25519}', "options before a key"),
        (f'from="10.0.0.1",no-pty {ED25519}', "options before a key"),
        ("ssh-dss AAAAB3NzaC1kc3MAAACBANS7", "ssh-keygen -t ed25519"),
        ("~/.ssh/id_ed25519.pub", "name of a file"),
        ("id_ed25519.pub", "name of a file"),
        ("AAAAC3NzaC1lZDI1NTE5AAAA", "no public key"),
        ("", "no public key"),
        (ED25519.replace("ssh-ed25519", "ssh-rsa"), "damaged"),
        (f"{ED25519} a\n{ED25519}", "single line"),
        (ED25519 + "!", "damaged"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAABElURVM=", "damaged"),
    ],
)
def test_what_is_no_key(text: str, said: str) -> None:
    assert said in refusal(text)


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs the OpenSSH client")
def test_short_rsa_keys_are_refused(tmp_path: Path) -> None:
    flags = ["-t", "rsa", "-b", "1024", "-N", "", "-f", tmp_path / "key"]
    subprocess.run(["ssh-keygen", "-q", *flags], check=True)
    assert "1024 bits" in refusal((tmp_path / "key.pub").read_text())


def test_a_wrong_key_is_told_with_its_place() -> None:
    keys = f"['{ED25519}', nokey]"
    [said] = told("", tail=SECURITY.replace("uid: 20001", f"ssh_keys: {keys}, uid: 20001"))
    assert said.startswith("4:")
    assert "this is no public key of SSH" in said
    assert "ssh-ed25519" in said
