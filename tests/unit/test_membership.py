"""Groups of the settings, and those that a provider tells."""

from __future__ import annotations

from typing import Any

import pytest

from qhub.hub import providers
from qhub.hub.membership import Membership

PEOPLE: dict[str, Any] = {
    "ada": {"groups": ["admin", "users"], "admin": True},
    "ben": {"groups": ["users"], "admin": False},
}
GROUPS = {"admin": {}, "users": {}, "course": {}}


def test_without_claims_the_settings_alone_say_it() -> None:
    membership = Membership(PEOPLE, GROUPS)
    membership.claim("ben", ["admin", "course"])
    assert membership.of("ben") == ["users"]
    assert membership.model("ben") == {"name": "ben", "admin": False, "groups": ["users"]}
    settings = {"users": PEOPLE}
    assert membership.applied("ben", settings) is settings


def test_a_claim_adds_groups_that_there_are() -> None:
    membership = Membership(PEOPLE, GROUPS, by_claim=True)
    membership.claim("ben", ["course", "strangers", "users"])
    assert membership.of("ben") == ["users", "course"]
    applied = membership.applied("ben", {"users": PEOPLE, "groups": GROUPS})
    assert applied["users"]["ben"]["groups"] == ["users", "course"]
    assert applied["users"]["ada"] == PEOPLE["ada"]
    assert PEOPLE["ben"]["groups"] == ["users"], "the settings stay what they are"
    membership.claim("ben", [])
    assert membership.of("ben") == ["users"]


def test_administrators_may_be_told_by_a_claim() -> None:
    membership = Membership(PEOPLE, GROUPS, by_claim=True)
    membership.claim("ben", ["admin"])
    model = membership.model("ben")
    assert model
    assert model["admin"]


def test_who_is_not_listed_is_nobody() -> None:
    membership = Membership(PEOPLE, GROUPS, by_claim=True)
    membership.claim("mallory", ["admin"])
    assert membership.model("mallory") is None


@pytest.mark.parametrize(
    ("claim", "said", "groups"),
    [
        ("groups", {"groups": ["a", "b"]}, ["a", "b"]),
        ("groups", {"groups": "a"}, ["a"]),
        ("groups", {"groups": ["/a", 7, None]}, ["a"]),
        ("groups", {}, []),
        ("realm_access.roles", {"realm_access": {"roles": ["a"]}}, ["a"]),
        ("realm_access.roles", {"realm_access": ["a"]}, []),
        ("https://example.org/groups", {"https://example.org/groups": ["a"]}, ["a"]),
    ],
)
def test_where_groups_are(claim: str, said: dict[str, Any], groups: list[str]) -> None:
    assert providers.groups_at("oauth_user", claim)({"oauth_user": said}) == groups


def test_settings_become_traits() -> None:
    assert providers.traits("Auth0", {"auth0_subdomain": "team"}) == {
        "auth0_domain": "team.auth0.com"
    }
    google = providers.traits("Google", {"hosted_domain": "example.org"})
    assert google == {"hosted_domain": ["example.org"]}
    assert providers.traits("custom", {"groups_claim": "x"}) == {"groups_claim": "x"}
