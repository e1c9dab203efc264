"""The JSON Schema for editors: strict, complete, and of one mind with `qhub validate`."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from qhub.config.document import parse as read
from qhub.config.scaffold import scaffold
from qhub.config.schema import schema, schema_text
from qhub.config.start import start

from .alternatives import alternatives
from .support import AWS, EXAMPLE, SECURITY, problems
from .test_start import LEAST

SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
TEXT = EXAMPLE.read_text("utf-8")


def refused(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(read(text, "").data)]


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert schema_text() == schema_text()


def test_it_accepts_the_example_and_its_alternatives() -> None:
    for text in [TEXT, *alternatives(TEXT)]:
        assert refused(text) == []


@pytest.mark.usefixtures("quick_hash")
@pytest.mark.parametrize("answers", LEAST, ids=lambda answers: answers.provider)
def test_it_accepts_what_init_writes(answers: Any) -> None:
    assert refused(start(answers).text) == []
    assert scaffold(answers)


@pytest.mark.parametrize(
    "setting",
    [
        "profilse: {}",
        "provider: azur",
        "jupyterlab: {idle_culler: {kernel_cull_intervall: 5}}",
        "local: {port: http}",
        "local: {port: 70000}",
        "namespace: My_Space",
        "certificate: {type: lets-encript}",
        "kubessh: {enabled: maybe}",
        "default_images: {jupyterlab: team/lab}",
        "storage: {conda_store: many}",
        "profiles: {jupyterlab: []}",
        "theme: {jupyterhub: {h1_color: red}}",
        "provider: existing",
        "provider: aws\ndomain: hub.example.org",
        AWS.replace("us-west-2", "us-wset-2"),
        AWS + "  vpc_cidr_block: 10.0.0.0",
        AWS + "  kubernetes_version: 1.20",
        AWS + "  node_groups: {general: {instance: a, min_nodes: -1}}",
    ],
)
def test_it_refuses_what_validate_refuses(setting: str) -> None:
    text = setting.rstrip() + f"\nproject_name: demo\n{SECURITY}"
    assert refused(text)
    assert problems(text)


@pytest.mark.parametrize(
    "user",
    [
        "Bob: {uid: 2000, primary_group: g}",
        "bob: {uid: 2, primary_group: g}",
        "bob: {uid: 2000}",
        "bob: {uid: 2000, primary_group: g, password: hunter2}",
        "bob: {uid: 2000, primary_group: g, password: {env: A, file: b}}",
        "bob: {uid: 2000, primary_group: g, password: {}}",
    ],
)
def test_it_knows_users(user: str) -> None:
    assert refused(f"project_name: demo\nsecurity: {{users: {{{user}}}}}\n")


def test_every_object_is_closed_and_every_setting_described() -> None:
    for name, section in [("", SCHEMA), *SCHEMA["$defs"].items()]:
        assert section["additionalProperties"] is False, name
        for key, setting in section["properties"].items():
            assert setting.get("description") or "$ref" in setting, (name, key)
