"""`qhub init`: what it writes is short, valid and never in the way."""

from __future__ import annotations

import dataclasses
import socket
import stat
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from qhub.config import load, parse
from qhub.config.passwords import hash_password
from qhub.config.scaffold import SCHEMA_FILE, Answers, Numbers
from qhub.config.start import numbers, refuse_existing, start, write
from qhub.errors import UsageError
from qhub.local import specs
from qhub.stages.conda_store import environment_settings

pytestmark = pytest.mark.usefixtures("quick_hash")

DOMAIN = "hub.example.org"
LEAST = [
    Answers(),
    Answers("existing", domain=DOMAIN),
    Answers("aws", domain=DOMAIN),
    Answers("gcp", domain=DOMAIN, cloud_project="my-project"),
    Answers("azure", domain=DOMAIN),
    Answers("do", domain=DOMAIN),
]


@pytest.mark.parametrize("answers", LEAST, ids=lambda answers: answers.provider)
def test_what_it_writes_is_valid_and_short(answers: Answers) -> None:
    made = start(answers)
    assert parse(made.text).provider == answers.provider
    assert made.text.startswith(f"# yaml-language-server: $schema={SCHEMA_FILE}\n")
    assert len(made.text.splitlines()) <= 60
    assert all(len(line) <= 130 for line in made.text.splitlines())
    assert made.text.isascii()


def test_an_environment_for_newcomers_needs_no_conda_channel() -> None:
    made = parse(start(Answers()).text)
    settings = [environment_settings(made, one) for one in made.environments.values()]
    assert settings
    assert not any(specs.needs_conda(one) or specs.python_request(one) for one in settings)


def test_the_administrator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qhub.config.start.hash_password", hash_password)
    made = start(Answers(admin="ann"))
    config = parse(made.text)
    assert config.is_admin("ann")
    assert made.password is not None
    assert made.password not in made.text
    stored = config.security.users["ann"].password
    assert isinstance(stored, str)
    assert PasswordHasher().verify(stored, made.password)
    assert start(Answers()).password != made.password


@pytest.mark.parametrize("answers", LEAST, ids=lambda answers: answers.provider)
@pytest.mark.parametrize("auth", ["password", "GitHub", "Auth0"])
def test_ways_to_log_in(answers: Answers, auth: str) -> None:
    made = start(dataclasses.replace(answers, auth=auth))
    assert parse(made.text).security.authentication.type == auth
    assert (made.password is None) == (auth != "password")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"project": "My_Project"}, "a project name may hold lower-case letters"),
        ({"admin": "Ann"}, "a user name may hold"),
        ({"admin": "a: b"}, "a user name may hold"),
        ({"namespace": "default"}, "belongs to Kubernetes"),
        ({"provider": "azur"}, "did you mean `azure`"),
        ({"provider": "aws"}, "`qhub init aws` needs --domain"),
        ({"provider": "gcp"}, "needs --domain, --cloud-project"),
        ({"provider": "aws", "domain": DOMAIN, "region": "us-wset-2"}, "mean `us-west-2`"),
        ({"provider": "aws", "domain": DOMAIN, "kubernetes_version": "x"}, "is not a version"),
        ({"provider": "aws", "domain": "x"}, "is not a domain"),
        ({"domain": "a: {b}\nc: d"}, "is not a domain"),
        ({"region": "us-west-2"}, "--region means nothing to the provider `local`"),
        ({"port": 70000}, "at most 65535"),
        ({"address": "somewhere"}, "is not an IP address"),
        ({"auth": "github"}, "did you mean `GitHub`"),
        ({"certificate": "lets-encript"}, "did you mean `lets-encrypt`"),
        ({"acme_email": "a@example.org"}, "needs a server on the internet"),
    ],
)
def test_answers_that_can_not_be(change: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        start(dataclasses.replace(Answers(), **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["true", "null", "1e3", "0x1f", "123456", "on", "2026-01-01"])
def test_names_that_yaml_could_misread(name: str) -> None:
    assert name in parse(start(Answers(admin=name)).text).security.users


def test_settings_of_a_cloud() -> None:
    made = start(
        Answers("aws", "demo2", "prod", DOMAIN, "eu-west-1", "1.30", acme_email="ops@example.org")
    )
    config = parse(made.text)
    assert config.amazon_web_services is not None
    assert config.amazon_web_services.region == "eu-west-1"
    assert config.amazon_web_services.kubernetes_version == "1.30"
    assert (config.project_name, config.namespace) == ("demo2", "prod")
    assert (config.certificate.type, config.certificate.acme_email) == (
        "lets-encrypt",
        "ops@example.org",
    )


def test_an_address_of_the_network_is_encrypted() -> None:
    made = start(Answers(address="0.0.0.0"))  # noqa: S104 - that is the test
    assert parse(made.text).certificate.type == "self-signed"
    assert any("self-signed" in notice for notice in made.notices)


def test_a_taken_port_is_passed_over() -> None:
    first = parse(start(Answers()).text).local.port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        taken.listen()
        made = start(Answers())
    assert parse(made.text).local.port > first
    assert made.notices == (f"port 8000 is taken, so it is {parse(made.text).local.port}",)
    assert parse(start(Answers(port=first)).text).local.port == first


def test_writing(tmp_path: Path) -> None:
    path, password = tmp_path / "deep" / "qhub-config.yaml", tmp_path / "password"
    made = start(Answers())
    assert write(made, path, password) == [path, path.parent / SCHEMA_FILE, password]
    assert load(path).project_name == "demo"
    assert password.read_text() == f"{made.password}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert stat.S_IMODE((path.parent / SCHEMA_FILE).stat().st_mode) == 0o644
    assert sorted(file.name for file in path.parent.iterdir()) == [SCHEMA_FILE, path.name]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "qhub-config.yaml"
    refuse_existing(path)
    path.symlink_to("nowhere")
    with pytest.raises(UsageError, match="exists already"):
        refuse_existing(path)


def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't be written"):
        write(start(Answers()), tmp_path / "file" / "qhub-config.yaml")


@pytest.mark.parametrize(
    ("users", "groups", "found"),
    [
        ({}, {}, Numbers(20001, 20000, 20001)),
        ({"postgres": 20001}, {}, Numbers(20101, 20100, 20101)),
        ({}, {"staff": 20100, "postgres": 20000}, Numbers(20201, 20200, 20201)),
        ({"qhub-ada": 20001}, {"qhub-admin": 20000}, Numbers(20001, 20000, 20101)),
        ({}, {"qhub-admin": 36730}, Numbers(20001, 36730, 20001)),
    ],
    ids=["free", "a user's", "groups'", "ours", "of another deployment"],
)
def test_numbers_are_free_or_of_the_same_name(
    users: dict[str, int], groups: dict[str, int], found: Numbers
) -> None:
    assert numbers("ada", users, groups) == found
