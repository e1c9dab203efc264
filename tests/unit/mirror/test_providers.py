"""Providers come from their registry by Terraform, with its checks; the rest is reading folders."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from qhub.errors import EngineError, MirrorError
from qhub.stages import of
from qhub.terraform import Engine, find_engine, providers

from .repository import Site, site

ASKED = ["~> 4.1"]


def unpacked(folder: Path, name: str, version: str, *machines: str) -> None:
    for machine in machines:
        place = folder / "registry.terraform.io" / "hashicorp" / name / version / machine
        place.mkdir(parents=True)


@pytest.mark.parametrize(
    ("version", "asked", "fits"),
    [
        ("3.1.2", "~> 3.1", True),
        ("3.9.0", "~> 3.1", True),
        ("3.0.9", "~> 3.1", False),
        ("4.0.0", "~> 3.1", False),
        ("3.1.9", "~> 3.1.2", True),
        ("3.2.0", "~> 3.1.2", False),
        ("3.1.2", "3.1.2", True),
        ("3.1.3", "= 3.1.2", False),
    ],
)
def test_a_version_is_there_when_it_is_one_asked_for(
    tmp_path: Path, version: str, asked: str, fits: bool
) -> None:
    unpacked(tmp_path, "helm", version, "linux_amd64")
    found = providers.version_there(tmp_path, "hashicorp/helm", [asked], ["linux_amd64"])
    assert found == (version if fits else None)


def test_it_has_to_be_there_for_all_platforms(tmp_path: Path) -> None:
    unpacked(tmp_path, "helm", "3.1.2", "linux_amd64", "linux_arm64")
    unpacked(tmp_path, "helm", "3.10.0", "linux_amd64")
    both = ["linux_amd64", "linux_arm64"]
    assert providers.version_there(tmp_path, "hashicorp/helm", ["~> 3.1"], both) == "3.1.2"
    assert providers.version_there(tmp_path, "hashicorp/helm", ["~> 3.1"], both[:1]) == "3.10.0"
    assert providers.version_there(tmp_path, "hashicorp/helm", ["~> 3.1", "~> 4.0"], both) is None


def test_what_each_stage_s_module_needs_is_found() -> None:
    modules = [stage.templates for stage in of("existing")]
    found = providers.required(modules)
    assert {"hashicorp/helm", "hashicorp/kubernetes", "hashicorp/random"} <= found.keys()
    named = "\n".join(file.read_text() for module in modules for file in module.glob("*.tf"))
    assert sum(map(len, found.values())) <= named.count("source  =")
    assert all(f'"{source}"' in named for source in found)


@pytest.fixture(scope="module")
def engine() -> Engine:
    try:
        return find_engine()
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture
def registry(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A registry with one provider, signed, which Terraform takes for its own."""
    with site() as served:
        settings = tmp_path / "terraform.rc"
        host = "registry.opentofu.org" if engine.product == "OpenTofu" else "registry.terraform.io"
        services = f'{{ "providers.v1" = "{served.address}/v1/" }}'
        settings.write_text(f'host "{host}" {{\n  services = {services}\n}}\n')
        monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(settings))
        yield served


def publish(served: Site, home: Path, version: str = "4.1.0") -> None:
    """Put hashicorp/tls into a registry, signed by a key of its own."""
    gpg = shutil.which("gpg")
    if not gpg:
        pytest.skip("gpg is not on PATH, to sign a provider with")
    base = [gpg, "--homedir", str(home), "--batch", "--quiet", "--passphrase", ""]
    home.mkdir(mode=0o700)
    subprocess.run([*base, "--quick-gen-key", "test@example.org", "rsa2048", "sign"], check=True)
    key = subprocess.run([*base, "--armor", "--export"], check=True, capture_output=True).stdout
    keys = [*base, "--list-keys", "--with-colons"]
    listed = subprocess.run(keys, check=True, capture_output=True, text=True).stdout
    number = next(line.split(":")[4] for line in listed.splitlines() if line.startswith("pub"))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"terraform-provider-tls_v{version}", "#!/bin/sh\n")
    name = f"terraform-provider-tls_{version}_linux_amd64.zip"
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    sums = f"{digest}  {name}\n".encode()
    signature = subprocess.run(
        [*base, "--detach-sign"], input=sums, check=True, capture_output=True
    ).stdout
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True)
    place = "/v1/hashicorp/tls"
    package = {
        "protocols": ["5.0"],
        "os": "linux",
        "arch": "amd64",
        "filename": name,
        "download_url": f"{served.address}/{name}",
        "shasums_url": f"{served.address}/sums",
        "shasums_signature_url": f"{served.address}/sums.sig",
        "shasum": digest,
        "signing_keys": {"gpg_public_keys": [{"key_id": number, "ascii_armor": key.decode()}]},
    }
    versions = {
        "versions": [
            {
                "version": version,
                "protocols": ["5.0"],
                "platforms": [{"os": "linux", "arch": "amd64"}],
            }
        ]
    }
    served.pages |= {
        f"{place}/versions": json.dumps(versions).encode(),
        f"{place}/{version}/download/linux/amd64": json.dumps(package).encode(),
        f"/{name}": content.getvalue(),
        "/sums": sums,
        "/sums.sig": signature,
    }


@pytest.mark.terraform
def test_a_provider_is_brought_by_terraform(engine: Engine, registry: Site, tmp_path: Path) -> None:
    publish(registry, tmp_path / "keys")
    target = tmp_path / "providers"
    providers.mirror(engine, target, "hashicorp/tls", ASKED, ["linux_amd64"])
    found = providers.version_there(target, "hashicorp/tls", ASKED, ["linux_amd64"])
    assert found == "4.1.0"


@pytest.mark.terraform
def test_another_content_than_what_was_signed_is_refused(
    engine: Engine, registry: Site, tmp_path: Path
) -> None:
    publish(registry, tmp_path / "keys")
    name = "/terraform-provider-tls_4.1.0_linux_amd64.zip"
    registry.pages[name] = registry.pages[name].replace(b"#!/bin/sh", b"#!/bin/no")
    with pytest.raises(MirrorError, match="provider hashicorp/tls can't be had: "):
        providers.mirror(engine, tmp_path / "there", "hashicorp/tls", ASKED, ["linux_amd64"])
    found = providers.version_there(tmp_path / "there", "hashicorp/tls", ASKED, ["linux_amd64"])
    assert found is None


@pytest.mark.terraform
def test_a_registry_without_it_is_told(engine: Engine, registry: Site, tmp_path: Path) -> None:
    registry.pages["/v1/hashicorp/tls/versions"] = b'{"versions": []}'
    with pytest.raises(MirrorError, match="provider hashicorp/tls can't be had: ") as caught:
        providers.mirror(engine, tmp_path / "there", "hashicorp/tls", ASKED, ["linux_amd64"])
    assert "│" not in caught.value.message
