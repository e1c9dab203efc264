"""Where people log in that is not the hub itself: authenticator classes, and their traits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

CLASSES = {
    "GitHub": "oauthenticator.github.GitHubOAuthenticator",
    "GitLab": "oauthenticator.gitlab.GitLabOAuthenticator",
    "Google": "oauthenticator.google.GoogleOAuthenticator",
    "Auth0": "oauthenticator.auth0.Auth0OAuthenticator",
    "OIDC": "oauthenticator.generic.GenericOAuthenticator",
}
_USER = {"Auth0": "auth0_user", "OIDC": "oauth_user"}
"""Where each class keeps what the provider said of a person, of those that may tell groups."""


def traits(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of ours as an authenticator of that kind takes them."""
    found = dict(config)
    if kind == "Auth0":
        found["auth0_domain"] = f"{found.pop('auth0_subdomain')}.auth0.com"
    if kind == "Google":
        found["hosted_domain"] = [found["hosted_domain"]]
    if kind in _USER and (claim := found.pop("groups_claim", None)):
        found["auth_state_groups_key"] = groups_at(_USER[kind], claim)
    return found


def groups_at(user: str, claim: str) -> Callable[[Mapping[str, Any]], list[str]]:
    """What finds a person's groups in what the provider said of them.

    A claim may be within others, `realm_access.roles`; one with dots in its own name comes first.
    """

    def groups(state: Mapping[str, Any]) -> list[str]:
        said = state[user]
        found = said[claim] if claim in said else _within(said, claim.split("."))
        named = [found] if isinstance(found, str) else found if isinstance(found, list) else []
        # Keycloak and others write groups as paths.
        return [name.removeprefix("/") for name in named if isinstance(name, str)]

    return groups


def _within(said: Any, path: list[str]) -> Any:
    for part in path:
        said = said.get(part) if isinstance(said, Mapping) else None
    return said
