"""Video chat, from the config to the rooms."""

from __future__ import annotations

import pytest

from qhub.config import parse
from qhub.errors import ConfigError
from qhub.local.jitsi import room
from qhub.stages import select
from qhub.stages.jitsi import LocalJitsi, LocalOutputs

CONFIG = """\
project_name: demo
provider: local
security:
  groups:
    admin: {gid: 20000}
    staff: {gid: 20001}
  users:
    ada: {uid: 21000, primary_group: admin, secondary_groups: [staff], password: {env: PASSWORD}}
"""
ENABLED = CONFIG + "jitsi: {enabled: true}\n"


def test_one_key_enables_it() -> None:
    assert "09-jitsi" not in [stage.name for stage in select(parse(CONFIG))]
    assert "09-jitsi" in [stage.name for stage in select(parse(ENABLED))]
    settings = LocalJitsi().inputs(parse(ENABLED))
    assert settings.server == "https://meet.jit.si"
    assert settings.users["ada"].groups == ["admin", "staff"]
    assert "PASSWORD" not in settings.model_dump_json()


@pytest.mark.parametrize(
    "server", ["https://meet.example.org", "http://localhost:8443/", "https://example.org/meet/"]
)
def test_servers_are_taken_with_port_and_path(server: str) -> None:
    config = parse(ENABLED.replace("true", f"true, server: '{server}'"))
    assert LocalJitsi().inputs(config).server == server.rstrip("/")


@pytest.mark.parametrize(
    "server",
    [
        "meet.example.org",
        "https://",
        "https://meet.example.org/?room=x",
        "https://meet.example.org#config",
        "https://me:secret@meet.example.org",
        "https://meet.example.org:99999",
        "https://[::1",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_server_is_refused(server: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(ENABLED.replace("true", f"true, server: '{server}'"))
    [problem] = raised.value.problems
    assert problem.key == "jitsi.server"
    assert problem.hint


def test_rooms_can_t_be_guessed() -> None:
    name = room("key", "demo", "staff")
    assert name.startswith("demo-staff-")
    assert name == room("key", "demo", "staff")
    proof = name.rpartition("-")[2]
    assert len(proof) == 20
    others = room("another key", "demo", "staff"), room("key", "demo", "admin")
    assert all(proof not in other for other in others)


def test_a_server_without_a_camera_is_told_of() -> None:
    outputs = LocalOutputs(facts="/nowhere", server="http://meet.invalid")
    plain, silent = LocalJitsi().notices(outputs)
    assert "plain HTTP" in plain
    assert silent.startswith("Video chat: no answer from http://meet.invalid: ")
