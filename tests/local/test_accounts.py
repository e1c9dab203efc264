"""Unix users and groups of several deployments on one machine, without a hub."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qhub.errors import PreflightError
from qhub.local import accounts
from qhub.local.facts import Machine
from qhub.local.settings import Certificate, HubSettings

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="Unix users need root"),
]
UID, GID = 25101, 25110


def machine(path: Path) -> Machine:
    (path / "private").mkdir(parents=True)
    return Machine(
        project_name="shared",
        deployment=path,
        directory=path,
        isolation="unix",
        python=Path("/usr/bin/python3"),
        address="127.0.0.1",
        port=1,
        url="",
        ports={},
        certificate=Certificate(type="disabled"),
    )


def people(uid: int = UID, gid: int = GID, name: str = "carol") -> HubSettings:
    settings: dict[str, Any] = {
        "project_name": "shared",
        "users": {name: {"uid": uid, "primary_group": "club", "groups": ["club"]}},
        "groups": {"club": {"gid": gid}},
        "profiles": [{"display_name": "Small"}],
    }
    return HubSettings.model_validate(settings)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    """Two deployments; whatever accounts they have are gone afterwards."""
    both = machine(tmp_path / "staging"), machine(tmp_path / "production")
    yield both
    for one in both:
        accounts.remove(one, [*accounts.our_users(one)], [*accounts.our_groups(one)])


def applied(one: Machine, settings: HubSettings) -> None:
    accounts.preflight(settings, one)
    accounts.apply(one, settings, lambda _: None)


def test_the_same_person_in_two_deployments_has_one_account(two: tuple[Machine, Machine]) -> None:
    staging, production = two
    applied(staging, people())
    applied(production, people())
    entry = pwd.getpwnam("qhub-carol")
    assert accounts.holders(entry) == sorted([str(staging.directory), str(production.directory)])
    accounts.remove(staging, ["carol"], ["club"])
    entry = pwd.getpwnam("qhub-carol")
    assert accounts.holders(entry) == [str(production.directory)]
    assert entry.pw_dir == str(production.homes / "carol")
    assert accounts.group_entry("club") is not None
    applied(production, people())
    accounts.remove(production, ["carol"], ["club"])
    assert accounts.user_entry("carol") is None
    assert accounts.group_entry("club") is None


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (people(uid=UID + 1), f"has uid {UID}"),
        (people(gid=GID + 1), f"has gid {GID}"),
        (people(name="dave"), f"the uid {UID} of dave is that of qhub-carol"),
    ],
    ids=["another-uid", "another-gid", "another-name"],
)
def test_other_numbers_are_refused(
    two: tuple[Machine, Machine], other: HubSettings, said: str
) -> None:
    staging, production = two
    applied(staging, people())
    with pytest.raises(PreflightError, match=said):
        accounts.preflight(other, production)


def test_an_account_that_is_not_ours_is_never_touched(two: tuple[Machine, Machine]) -> None:
    staging, _ = two
    subprocess.run(["useradd", "--uid", "25190", "--no-create-home", "qhub-carol"], check=True)
    try:
        before = pwd.getpwnam("qhub-carol")
        with pytest.raises(PreflightError, match="not made by qhub"):
            applied(staging, people())
        accounts.remove(staging, ["carol"], ["club", "carol"])
        assert pwd.getpwnam("qhub-carol") == before
    finally:
        subprocess.run(["userdel", "qhub-carol"], check=True)
