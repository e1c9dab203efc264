"""Quantities, images, names, addresses: what is read and what it means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from qhub.config.fields import cores, disk, image, memory

from .support import HASH, config, problems

GB = 1024**3


@pytest.mark.parametrize(
    ("text", "size"),
    [("4G", 4 * GB), ("4Gi", 4 * GB), ("4GB", 4 * GB), ("4g", 4 * GB), ("1.5G", 3 * GB // 2),
     ("512M", GB // 2), ("1T", 1024 * GB), ("4 G", 4 * GB), ("4294967296", 4 * GB)],
)  # fmt: skip
def test_memory_is_counted_as_jupyterhub_does(text: str, size: int) -> None:
    assert memory(text).bytes == size
    assert str(memory(text)) == text


@pytest.mark.parametrize(
    ("text", "size"), [("60Gi", 60 * GB), ("60G", 60 * 10**9), ("1T", 10**12), ("2048Mi", 2 * GB)]
)
def test_disks_are_counted_as_kubernetes_does(text: str, size: int) -> None:
    assert disk(text).bytes == size


@pytest.mark.parametrize(
    "text", ["", "G", "4X", "-4G", "4,5G", "1e3G", "4GiG", "0", "0G", "5k", "I"]
)
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        memory(text)


@given(st.integers(1, 10**6), st.sampled_from(["M", "Mi", "G", "Gi", "T", "Ti"]))
def test_quantities_are_ordered_as_their_units(number: int, unit: str) -> None:
    assert memory(f"{number}{unit}").bytes >= disk(f"{number}{unit}").bytes > 0


@pytest.mark.parametrize(("value", "count"), [(1, 1.0), (0.5, 0.5), ("500m", 0.5), (0, 0.0)])
def test_cores(value: object, count: float) -> None:
    assert cores(value) == count


@pytest.mark.parametrize(
    "value", [-1, True, "two", "0.5", None, [], float("nan"), float("inf"), 5000]
)
def test_what_are_no_cores(value: object) -> None:
    with pytest.raises(PydanticCustomError):
        cores(value)


DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "registry", "name", "tag", "digest"),
    [
        ("lab:1", None, "lab", "1", None),
        ("team/lab:v1.2-3_4", None, "team/lab", "v1.2-3_4", None),
        ("registry.example.org/team/lab:1", "registry.example.org", "team/lab", "1", None),
        ("registry:5000/lab:1", "registry:5000", "lab", "1", None),
        ("localhost/lab:1", "localhost", "lab", "1", None),
        ("localhost:5000/a/b/c:1", "localhost:5000", "a/b/c", "1", None),
        (f"lab@{DIGEST}", None, "lab", None, DIGEST),
        (f"r.example.org:5000/lab:1@{DIGEST}", "r.example.org:5000", "lab", "1", DIGEST),
    ],
)
def test_images(
    text: str, registry: str | None, name: str, tag: str | None, digest: str | None
) -> None:
    found = image(text)
    assert (found.registry, found.name, found.tag, found.digest) == (registry, name, tag, digest)
    assert str(found) == text


@pytest.mark.parametrize(
    "text",
    ["", "lab", "team/lab", "registry:5000/lab", "Lab:1", "lab:", "lab:1@sha256:abc", "a b:1",
     "https://example.org/lab:1", "lab:1:2", "/lab:1", "lab:" + "x" * 129],
)  # fmt: skip
def test_what_is_no_image(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        image(text)


@pytest.mark.parametrize(
    "setting",
    [
        "domain: hub.example.org",
        "domain: xn--bcher-kva.example",
        "local: {address: '::1'}",
        "local: {address: 0.0.0.0, allow_insecure: true}",
        "local: {address: 192.0.2.1}\ncertificate: {type: self-signed}",
        "certificate: {type: existing, certificate_file: c.pem, key_file: k.pem}",
        "theme: {jupyterhub: {h1_color: '#abc'}}",
        "namespace: prod-2",
        "mirror: {charts: /srv/charts}",
        "jupyterlab: {idle_culler: {kernel_cull_idle_timeout: 0}}",
        "environments: {a.yaml: {name: a, dependencies: [x, {pip: [y]}]}}",
    ],
)
def test_what_is_allowed(setting: str) -> None:
    assert config(setting + "\n")


@pytest.mark.parametrize(
    "setting",
    [
        "domain: localhost",
        "domain: hub.example.org.",
        "domain: 192.0.2.1",
        "domain: Hub.example.org",
        f"domain: {'a' * 64}.example.org",
        "theme: {jupyterhub: {h1_color: '#abcd'}}",
        "theme: {jupyterhub: {h1_color: #abc\n}}",
        "jupyterlab: {idle_culler: {kernel_cull_interval: 0}}",
        "environments: {a: {name: 'a b', dependencies: [x]}}",
        "environments: {a: {name: a, dependencies: []}}",
        "environments: {a: {name: a, dependencies: [{conda: [y]}]}}",
        "existing: {}",
        "profiles: {jupyterlab: [{display_name: ' ', kubespawner_override: "
        "{cpu_limit: 1, mem_limit: 2G}}]}",
    ],
)
def test_what_is_not(setting: str) -> None:
    assert problems(setting + "\nproject_name: demo\nsecurity: {}\n")


def test_names_with_digits_and_bcrypt_hashes() -> None:
    bcrypt = "$2b$12$" + "a" * 53
    found = config(
        tail="security:\n  groups: {2g: {gid: 2000}}\n  users:\n    1st-user:\n"
        f"      {{uid: 2000, primary_group: 2g, password: '{bcrypt}'}}\n"
    )
    assert found.security.users["1st-user"].password == bcrypt


def test_a_hash_that_a_comma_cuts_off() -> None:
    found = problems(
        "project_name: demo\nsecurity:\n  groups: {g: {gid: 2000}}\n  users:\n"
        f"    a: {{uid: 2000, primary_group: g, password: {HASH}}}\n"
    )
    assert found[0].message == "this hash is cut off"
    assert "quotes" in (found[0].hint or "")
