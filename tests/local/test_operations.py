"""What whoever looks after a hub does with it: give out tokens, watch it, measure it."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from typing import Any

import pytest

from qhub.errors import LocalError, UsageError
from qhub.hub import logs
from qhub.local import supervisor, tokens
from qhub.stages.logs import tail
from tests.local.deployment import GIGABYTE, Deployment, wait_until


def issue(hub: Deployment, name: str, **more: Any) -> str:
    wanted = {"seconds": 3600, "note": "of a test", **more}
    return tokens.issue(hub.facts, name, hub.settings["users"], **wanted)


def asked(hub: Deployment, path: str, token: str | None = None) -> tuple[int, str]:
    """Status and text of what the hub answers on its public address."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(hub.machine.url + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_a_token_is_its_owner_s_though_they_never_logged_in(hub: Deployment) -> None:
    token = issue(hub, "ben", note="for the train")
    status, text = asked(hub, "/hub/api/user", token)
    assert (status, json.loads(text)["name"]) == (200, "ben")
    assert asked(hub, "/hub/api/users/alice", token)[0] == 404
    status, text = asked(hub, "/hub/api/users/ben/tokens", token)
    [found] = [one for one in json.loads(text)["api_tokens"] if one["note"] == "for the train"]
    assert found["expires_at"]


def test_a_token_can_do_less_than_its_owner_but_not_more(any_hub: Deployment) -> None:
    token = issue(any_hub, "ben", scopes=["read:users:name!user"])
    assert asked(any_hub, "/hub/api/users/ben", token)[0] == 200
    assert asked(any_hub, "/hub/api/users/ben/tokens", token)[0] == 403
    for scopes in (["admin:users"], ["nonsense"]):
        with pytest.raises(UsageError, match="the hub gives out no such token"):
            issue(any_hub, "ben", scopes=scopes)


def test_no_token_for_a_stranger_or_from_a_hub_that_is_down(any_hub: Deployment) -> None:
    with pytest.raises(UsageError, match="no user `bem`; did you mean `ben`"):
        issue(any_hub, "bem")
    with pytest.raises(LocalError, match="after the last deploy"):
        tokens.issue(any_hub.facts, "zoe", ["zoe"], seconds=60, note="")
    with pytest.raises(LocalError, match="nothing is deployed"):
        tokens.issue(any_hub.folder / "nothing", "ben", ["ben"], seconds=60, note="")
    supervisor.stop(any_hub.machine)
    try:
        with pytest.raises(LocalError, match="the hub does not answer"):
            issue(any_hub, "ben")
    finally:
        any_hub.up()


def test_logs_stay_small_and_are_followed(any_hub: Deployment) -> None:
    machine = any_hub.machine
    ben = any_hub.person("ben")
    ben.start()
    log = machine.logs / "servers" / "ben.log"
    lines = tail(log, 1, follow=True)
    next(lines)
    with log.open("ab") as file:
        file.write(b"much was said\n" * (logs.SIZE // 10))
    wait_until(lambda: log.stat().st_size < logs.SIZE)  # the hub looks every ten seconds
    ben.enter()
    assert ben.run("1 + 1") == "2"
    ben.request("/user/ben/api/nothing")  # the server goes on to write, from the beginning
    wait_until(lambda: b"/user/ben/api/nothing" in log.read_bytes())
    assert b"\0" not in log.read_bytes()
    assert any("/user/ben/api/nothing" in line for line in lines)


def test_a_program_s_log_is_put_aside_while_it_runs(any_hub: Deployment) -> None:
    log = any_hub.machine.logs / "hub.log"
    pid = any_hub.pid("hub")
    lines = tail(log, 1, follow=True)
    os.truncate(log, logs.SIZE - 10)
    asked(any_hub, "/hub/first-after-that")
    wait_until(lambda: log.with_name("hub.log.1").exists() and log.stat().st_size < logs.SIZE)
    asked(any_hub, "/hub/second-after-that")
    assert any("/hub/second-after-that" in line for line in lines)
    assert any_hub.pid("hub") == pid


METRICS = {
    "/hub/metrics": "jupyterhub_running_servers",
    "/metrics/proxy": "traefik_entrypoint_requests",
    "/services/dask-gateway/api/metrics": "dask_gateway_clusters",
}


def parsed(hub: Deployment, text: str) -> list[str]:
    """Names of metrics, as Prometheus' own parser for Python finds them."""
    code = (
        "import sys; from prometheus_client.parser import text_string_to_metric_families as parse;"
        "print(*(family.name for family in parse(sys.stdin.read())))"
    )
    python = hub.machine.interpreter("hub")
    return subprocess.check_output([python, "-c", code], input=text, text=True).split()


def gateway_up(hub: Deployment) -> None:
    keys = ("uid", "primary_group", "groups")
    settings = {
        "users": {n: {key: user[key] for key in keys} for n, user in hub.settings["users"].items()},
        "groups": hub.settings["groups"],
        "workers": [{"display_name": "Small", "cpu_limit": 1, "mem_limit": GIGABYTE}],
        "monitoring": hub.settings["monitoring"],
    }
    path = hub.folder / "gateway.tfvars.json"
    path.write_text(json.dumps(settings))
    path.chmod(0o644)
    code = hub.runner.package / "hub"
    hub.succeed("dask-gateway", "apply", "--settings", path, "--hub", code)


def test_metrics_are_for_who_holds_the_token_and_only_where_they_are_wanted(
    changing: Deployment,
) -> None:
    hub, private = changing, changing.machine.private
    strangers = [None, "nonsense", issue(hub, "ben")]
    for enabled in (True, False):
        hub.settings["monitoring"] = enabled
        hub.hub_up()
        gateway_up(hub)
        if enabled:
            token = (private / "token-prometheus").read_text().strip()
            told = (private / "prometheus.yml").read_text()
        for path, name in METRICS.items():
            status, text = asked(hub, path, token)
            assert (status == 200) == enabled, path
            assert not enabled or name in parsed(hub, text)
            for stranger in strangers:
                assert asked(hub, path, stranger)[0] in ((403,) if enabled else (403, 404)), path
            assert path in told
        assert asked(hub, "/hub/api/users", token)[0] == 403
        for file in (private / "token-prometheus", private / "prometheus.yml"):
            assert file.exists() == enabled
            assert not enabled or file.stat().st_mode & 0o777 == 0o600
    hub.succeed("dask-gateway", "remove")
