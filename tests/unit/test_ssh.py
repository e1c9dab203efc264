"""SSH's settings, from the config to what the service reads, and what clients are told."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from qhub.config import Config, check, parse
from qhub.errors import PreflightError, UsageError
from qhub.hub.ssh_service import may_log_in
from qhub.runner import ssh
from qhub.runner.folder import Folder
from qhub.stages import select
from qhub.stages.kubessh import LocalKubeSsh, SshOutputs, ssh_settings

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2P2thfs12tkRO5Gt9oFlv+d92dG2wbK/U0Qzd8Q8K3"
CONFIG = f"""\
project_name: demo
provider: local
kubessh: {{enabled: true, port: 2022}}
security:
  groups:
    admin: {{gid: 20000}}
    staff: {{gid: 20001}}
  users:
    ada:
      uid: 21000
      primary_group: admin
      secondary_groups: [staff]
      password: {{env: PASSWORD}}
      ssh_keys: ['{KEY} ada@laptop']
    bob: {{uid: 21001, primary_group: staff, password: {{env: PASSWORD}}}}
"""
OUTPUTS = SshOutputs(host="hub.example.org", port=2022, host_key=f"{KEY} qhub")


@pytest.fixture
def config() -> Config:
    return parse(CONFIG)


def test_the_settings_are_the_config_s(config: Config) -> None:
    settings = ssh_settings(config)
    assert settings.port == 2022
    assert settings.users["ada"].ssh_keys == [f"{KEY} ada@laptop"]
    assert settings.users["ada"].groups == ["admin", "staff"]
    assert settings.users["bob"].ssh_keys == []
    assert "PASSWORD" not in settings.model_dump_json()


def test_it_is_there_where_it_is_enabled(config: Config) -> None:
    assert "08-kubessh" in {stage.name for stage in select(config)}
    off = parse(CONFIG.replace("enabled: true", "enabled: false"))
    assert "08-kubessh" not in {stage.name for stage in select(off)}


def test_the_hub_has_a_port_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "qhub-config.yaml"
    file.write_text(CONFIG + "local: {port: 2022}\n")
    [problem] = [p for p in check(file).problems if p.severity == "error"]
    assert "port of the hub" in problem.message
    assert problem.key == "kubessh.port"


@pytest.mark.parametrize(
    ("owner", "right"),
    [
        ({"kind": "user", "name": "ada", "scopes": ["access:servers!user=ada"]}, True),
        ({"kind": "user", "name": "ada", "scopes": ["access:servers!server=ada/"]}, True),
        ({"kind": "user", "name": "ada", "scopes": ["access:servers", "list:users"]}, True),
        ({"kind": "user", "name": "ada", "scopes": ["read:users!user=ada"]}, False),
        ({"kind": "user", "name": "ada", "scopes": ["access:servers!user=bob"]}, False),
        ({"kind": "user", "name": "bob", "scopes": ["access:servers"]}, False),
        ({"kind": "service", "name": "ada", "scopes": ["access:servers"]}, False),
        ({}, False),
    ],
)
def test_a_token_is_its_owner_s_and_good_for_a_server(
    owner: dict[str, object], right: bool
) -> None:
    assert may_log_in("ada", owner) is right


@pytest.mark.skipif(not shutil.which("ssh"), reason="needs the OpenSSH client")
def test_openssh_reads_the_block(config: Config, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(ssh.config_block(config, OUTPUTS, "ada") + "\n")
    said = subprocess.check_output(["ssh", "-G", "-F", file, "demo"], text=True).splitlines()
    assert {"hostname hub.example.org", "port 2022", "user ada"} <= {*said}


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs the OpenSSH client")
def test_openssh_agrees_on_the_host_key(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(ssh.known_hosts(OUTPUTS) + "\n")
    asked = ["ssh-keygen", "-l", "-F", "[hub.example.org]:2022", "-f", file]
    assert ssh.fingerprint(KEY) in subprocess.check_output(asked, text=True)


def test_the_block_is_somebody_s(config: Config) -> None:
    assert ssh.chosen_user(config, "bob") == "bob"
    assert ssh.chosen_user(config, None) is None
    assert "#User" in ssh.config_block(config, OUTPUTS, None)
    with pytest.raises(UsageError, match="did you mean `ada`"):
        ssh.chosen_user(config, "adda")


def test_a_taken_port_stops_the_deploy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = parse(CONFIG.replace("2022", str(port)))
        with pytest.raises(PreflightError, match=f"port {port} is taken by") as caught:
            LocalKubeSsh().preflight(config, tmp_path)
        assert "is free: set kubessh.port" in caught.value.message
    LocalKubeSsh().preflight(config, tmp_path)


def test_what_is_not_there_is_said(config: Config, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not deployed"):
        ssh.ssh_outputs(config, Folder(tmp_path))
    off = parse(CONFIG.replace("enabled: true", "enabled: false"))
    with pytest.raises(UsageError, match="not enabled"):
        ssh.ssh_outputs(off, Folder(tmp_path))
