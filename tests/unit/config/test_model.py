"""What a configuration says once it is read: defaults, and what follows from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from qhub.config import Config, load, parse
from qhub.config.providers import BLOCKS, AmazonWebServices, Local

from .support import AWS, SECURITY, config


def test_the_shortest_file() -> None:
    found = parse("project_name: x\nsecurity: {users: {}, groups: {}}\n")
    assert (found.namespace, found.provider, found.domain) == ("dev", "local", None)
    assert (found.certificate.type, found.terraform_state.type) == ("disabled", "local")
    assert found.security.authentication.type == "password"
    assert (found.local.address, found.local.port, found.local.isolation) == (
        "127.0.0.1",
        8000,
        "auto",
    )
    assert [profile.display_name for profile in found.profiles.jupyterlab] == [
        "Small",
        "High memory",
    ]
    assert found.platform == "processes"
    assert isinstance(found.target, Local)


def test_defaults_of_a_cloud() -> None:
    found = config(AWS)
    assert (found.certificate.type, found.terraform_state.type) == ("self-signed", "remote")
    assert found.platform == "kubernetes"
    assert isinstance(found.target, AmazonWebServices)
    assert set(found.target.node_groups) == {"general", "user", "worker"}


def test_defaults_of_an_existing_cluster() -> None:
    found = config("provider: existing\ndomain: hub.example.org\n")
    assert (found.certificate.type, found.terraform_state.type) == ("self-signed", "remote")
    assert found.existing.node_selectors["user"].value == "linux"


def test_defaults_are_what_would_be_read() -> None:
    """Defaults skip validation; they have to pass it all the same."""
    for provider, block in BLOCKS.items():
        head = f"project_name: demo\nprovider: {provider}\ndomain: hub.example.org\n{_LEAST[block]}"
        found = parse(head + SECURITY)
        dumped = found.model_dump(mode="json", exclude_none=True)
        for other in BLOCKS.values():
            if other != block:
                dumped.pop(other, None)
        assert Config.model_validate(dumped).model_dump(mode="json") == found.model_dump(
            mode="json"
        )


_LEAST = {
    "local": "",
    "existing": "",
    "amazon_web_services": "amazon_web_services: {region: us-west-2}\n",
    "google_cloud_platform": "google_cloud_platform: {region: us-central1, project: my-project}\n",
    "azure": "azure: {region: Central US, storage_account_postfix: a1}\n",
    "digital_ocean": "digital_ocean: {region: nyc3}\n",
}


def test_groups_and_administrators() -> None:
    found = config()
    assert found.security.users["alice"].groups == ["admin", "users"]
    assert found.is_admin("alice")
    assert not found.is_admin("bob")
    assert not found.is_admin("nobody")
    secondary = config(tail=SECURITY.replace("primary_group: users", "primary_group: users, "
                                             "secondary_groups: [admin, users]"))  # fmt: skip
    assert secondary.is_admin("bob")
    assert secondary.security.users["bob"].groups == ["users", "admin"]


@pytest.mark.parametrize(("marked", "name"), [(None, "A"), (0, "A"), (1, "B")])
def test_the_default_profile(marked: int | None, name: str) -> None:
    entries = [
        f"    - {{display_name: {title}, default: {str(index == marked).lower()}, "
        "kubespawner_override: {cpu_limit: 1, mem_limit: 2G}}\n"
        for index, title in enumerate("AB")
    ]
    found = config("profiles:\n  jupyterlab:\n" + "".join(entries))
    assert found.profiles.default_profile.display_name == name


def test_guarantees_default_to_the_limits() -> None:
    found = config(
        "profiles: {jupyterlab: [{display_name: A, kubespawner_override: "
        "{cpu_limit: 1.5, mem_limit: 2G, extra_resource_limits: {nvidia.com/gpu: 2}}}]}\n"
    )
    size = found.profiles.jupyterlab[0].kubespawner_override
    assert (size.cpu_guarantee, size.mem_guarantee.bytes, size.gpus) == (1.5, 2 * 1024**3, 2)


def test_users_of_oauth_need_no_password() -> None:
    found = config(
        tail="""\
security:
  authentication:
    type: GitHub
    config: {client_id: a, client_secret: {env: SECRET}}
  users: {alice: {uid: 2000, primary_group: admin}}
  groups: {admin: {gid: 2000}}
"""
    )
    assert found.security.users["alice"].password is None


def test_a_configuration_can_not_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        config().project_name = "other"  # type: ignore[misc]


def test_the_same_file_makes_the_same_configuration(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(f"project_name: demo\n{SECURITY}")
    first, second = load(path), load(path)
    assert first == second
    assert first.model_dump_json() == second.model_dump_json()


def test_relative_paths_start_at_the_folder_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    path = tmp_path / "f.yaml"
    path.write_text(
        "project_name: demo\nlocal: {directory: data, python: python3.12}\n"
        "certificate: {type: existing, certificate_file: ~/c.pem, key_file: /etc/k.pem}\n"
        "theme: {jupyterhub: {logo: logo.svg, favicon: 'https://example.org/i.png'}}\n" + SECURITY
    )
    found = load(path)
    assert found.local.directory == f"{tmp_path}/data"
    assert found.local.python == "python3.12"
    assert found.certificate.certificate_file == "/home/ann/c.pem"
    assert found.certificate.key_file == "/etc/k.pem"
    assert found.theme.jupyterhub.logo == f"{tmp_path}/logo.svg"
    assert found.theme.jupyterhub.favicon == "https://example.org/i.png"


def test_regions_of_azure_as_the_portal_writes_them() -> None:
    found = config(f"provider: azure\ndomain: hub.example.org\n{_LEAST['azure']}")
    assert found.azure is not None
    assert found.azure.region == "centralus"
