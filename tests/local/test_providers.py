"""The hub's configuration for providers that a test can't log in at, in the hub's own Python."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from qhub.config import parse
from qhub.stages.jupyterhub import hub_settings
from tests.local.deployment import PACKAGE, Deployment
from tests.unit.config.support import HASH

CODE = """
import asyncio, importlib, json, sys
from inspect import isawaitable
from tornado.web import HTTPError
from traitlets.config import Config
sys.path.insert(0, sys.argv[1])
settings, people = json.load(sys.stdin)
c = Config()
importlib.import_module("hub.common").configure(c, settings, "https://hub.example.org")
chosen = c.JupyterHub.authenticator_class(config=c)

async def allowed(said):
    name = chosen.normalize_username(chosen.user_info_to_username(said))
    state = {chosen.user_auth_state_key: said, "token_response": {}, "scope": []}
    model = {"name": name, "admin": None, "groups": [], "auth_state": state}
    groups = chosen.get_user_groups(state)
    groups = sorted(await groups if isawaitable(groups) else groups)
    try:
        let_in = chosen.check_blocked_users(name, model) and await chosen.check_allowed(name, model)
    except HTTPError:
        let_in = False
    return {"name": name, "in": let_in, "groups": groups}

names = ("authorize_url", "token_url", "userdata_url", "client_id", "client_secret",
    "oauth_callback_url", "login_service", "username_claim", "scope")
told = {name: getattr(chosen, name) for name in names}
told["people"] = [asyncio.run(allowed(said)) for said in people]
print(json.dumps(told))
"""
HEAD = f"""\
project_name: demo
security:
  groups: {{admin: {{gid: 20000}}, users: {{gid: 20001}}}}
  users: {{ada: {{uid: 21000, primary_group: users, password: '{HASH}'}}}}
  authentication:
"""


def told(hub: Deployment, authentication: str, *people: dict[str, Any]) -> dict[str, Any]:
    """What the authenticator makes of a config, and of what a provider says of people."""
    lines = "".join(f"    {line}\n" for line in authentication.splitlines())
    settings = hub_settings(parse(HEAD + lines)).model_dump(mode="json")
    settings["authentication"]["config"]["client_secret"] = "known to two"
    done = subprocess.run(
        [hub.machine.interpreter("hub"), "-B", "-c", CODE, str(PACKAGE)],
        input=json.dumps([settings, people]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_gitlab(any_hub: Deployment) -> None:
    config = """\
type: GitLab
config:
  client_id: abc
  client_secret: {env: HOME}
  gitlab_url: https://git.example.org
  oauth_callback_url: https://hub.example.org/hub/oauth_callback"""
    people = {"username": "Ada", "id": 7}, {"username": "mallory", "id": 8}
    found = told(any_hub, config, *people)
    assert found["authorize_url"] == "https://git.example.org/oauth/authorize"
    assert found["userdata_url"] == "https://git.example.org/api/v4/user"
    assert found["oauth_callback_url"] == "https://hub.example.org/hub/oauth_callback"
    assert (found["client_id"], found["client_secret"]) == ("abc", "known to two")
    assert [(one["name"], one["in"]) for one in found["people"]] == [
        ("ada", True),
        ("mallory", False),
    ]


def test_google(any_hub: Deployment) -> None:
    config = """\
type: Google
config:
  client_id: abc
  client_secret: {env: HOME}
  hosted_domain: example.org"""
    ada = {"email": "ada@example.org", "hd": "example.org", "verified_email": True}
    found = told(
        any_hub,
        config,
        ada,
        ada | {"verified_email": False},
        ada | {"hd": ""},  # an account of her own with that address, none of the organisation's
        {"email": "ada@elsewhere.org", "hd": "elsewhere.org", "verified_email": True},
        ada | {"email": "mallory@example.org"},
    )
    assert found["authorize_url"].startswith("https://accounts.google.com/")
    assert [one["name"] for one in found["people"][:2]] == ["ada", "ada"]
    assert [one["in"] for one in found["people"]] == [True, False, False, False, False]


def test_auth0_tells_groups_by_a_claim_with_dots(any_hub: Deployment) -> None:
    config = """\
type: Auth0
config:
  client_id: abc
  client_secret: {env: HOME}
  auth0_subdomain: team
  groups_claim: https://example.org/groups"""
    claim = "https://example.org/groups"
    said = {"nickname": "ada", "email": "ada@example.org", claim: ["users"]}
    found = told(any_hub, config, said, said | {claim: "users"}, said | {claim: None})
    assert found["authorize_url"] == "https://team.auth0.com/authorize"
    assert [one["groups"] for one in found["people"]] == [["users"], ["users"], []]


@pytest.mark.parametrize(
    "kind", ["github.GitHubOAuthenticator", "bitbucket.BitbucketOAuthenticator"]
)
def test_a_class_of_one_s_own(any_hub: Deployment, kind: str) -> None:
    config = f"""\
type: custom
authentication_class: oauthenticator.{kind}
config: {{client_id: abc, client_secret: {{env: HOME}}}}"""
    found = told(any_hub, config, {"login": "ada", "username": "ada"})
    assert found["client_id"] == "abc"
    assert found["people"][0]["in"]
