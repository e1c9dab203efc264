"""What several tests of the configuration need."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from qhub.config import Config, parse
from qhub.errors import ConfigError, Problem

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "qhub-config.example.yaml"

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21l$RdescudvJCsgt3ub+b+dWRWJTmaaJObGJObGJObGJOb"
SECURITY = f"""\
security:
  users:
    alice: {{uid: 20001, primary_group: admin, secondary_groups: [users], password: '{HASH}'}}
    bob: {{uid: 20002, primary_group: users, password: '{HASH}'}}
  groups:
    admin: {{gid: 20000}}
    users: {{gid: 20001}}
"""
AWS = """\
provider: aws
domain: hub.example.org
amazon_web_services:
  region: us-west-2
"""


def config(text: str = "", *, head: str = "project_name: demo\n", tail: str = SECURITY) -> Config:
    """A sound configuration that holds `text`."""
    return parse(head + dedent(text) + tail)


def problems(text: str, *, head: str = "", tail: str = "") -> list[Problem]:
    """What is wrong with `text`."""
    try:
        parse(head + dedent(text) + tail, "f.yaml")
    except ConfigError as error:
        return error.problems
    return []


def told(text: str, *, tail: str = SECURITY) -> list[str]:
    """What is wrong, as `LINE:COLUMN message | hint`; `project_name` and users are seen to.

    Line 1 is the first line of `text`.
    """
    found = problems(text, tail="project_name: demo\n" + tail)
    return [f"{p.line}:{p.column} {p.message} | {p.hint}" for p in found]
