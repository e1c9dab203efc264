"""Who may log in, and how: `security` of the file."""

import re
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from qhub.config.fields import (
    Domain,
    GroupName,
    Section,
    ServerUrl,
    Text,
    Title,
    Url,
    UserName,
    wrong,
)
from qhub.config.secrets import SecretRef
from qhub.config.ssh_keys import public_key

_HASH = re.compile(
    r"\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+"
    r"|\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}"
)


def _password_hash(text: str) -> str:
    # The message never repeats what was written: it may be somebody's password.
    if text.startswith("$argon2id$") and not _HASH.fullmatch(text):
        raise wrong("this hash is cut off", "put it in quotes: within `{…}` a comma ends it")
    if not _HASH.fullmatch(text):
        raise wrong(
            "a password is stored as a hash (argon2id or bcrypt), never as plain text",
            "`qhub hash-password` makes one; or refer to it: {env: NAME} or {file: PATH}",
        )
    return text


PasswordHash = Annotated[str, Text(_password_hash, r"^\$(argon2id|2[aby])\$")]


def _kind_of_password(value: Any) -> str:
    return "reference" if isinstance(value, dict | SecretRef) else "hash"


Password = Annotated[
    Annotated[PasswordHash, Tag("hash")] | Annotated[SecretRef, Tag("reference")],
    Discriminator(_kind_of_password),
]

PublicKey = Annotated[str, Text(public_key, r"^(ssh|ecdsa|sk)-\S+ \S+")]

# 65534 and 65535 are `nobody`. Below 1000 Linux keeps its own accounts; classic QHub files use
# groups from 100.
LARGEST_ID = 2_147_483_647


class User(Section):
    """A person who may log in."""

    uid: int = Field(ge=1000, le=LARGEST_ID, description="Number of the Unix account; unique.")
    password: Password | None = Field(
        None,
        description="argon2id or bcrypt hash (`qhub hash-password`), or `{env: NAME}` or "
        "`{file: PATH}` with the password. Needed with authentication type `password` only.",
    )
    primary_group: GroupName = Field(
        description="Group of new files. Members of `admin` administer the hub."
    )
    secondary_groups: list[GroupName] = Field([], description="Further groups.")
    ssh_keys: list[PublicKey] = Field(
        [],
        description="Public keys to log in with over SSH (`kubessh`), besides tokens of the hub: "
        "lines of `~/.ssh/id_ed25519.pub`.",
    )

    def password_hash(self, salt: str) -> str | None:
        """The hash of the password, made of it where it is a reference; None without a password.

        The same password and salt give the same hash, so that nothing changes by asking again.

        Raises:
            MissingSecret: What the reference names is not there.
        """
        if not isinstance(self.password, SecretRef):
            return self.password
        from qhub.config.passwords import hashed

        return hashed(self.password.resolve(), salt)

    @property
    def groups(self) -> list[str]:
        """All groups of this user, the primary one first."""
        return list(dict.fromkeys([self.primary_group, *self.secondary_groups]))


class Group(Section):
    """Users that share a folder, profiles and environments."""

    gid: int = Field(ge=100, le=LARGEST_ID, description="Number of the Unix group; unique.")
    access: Literal["read-write", "read-only", "public-read"] = Field(
        "read-write",
        description="Of the shared folder. `read-write`: members read and write; `read-only`: "
        "members read, members of `admin` write; `public-read`: members read and write, "
        "everybody reads.",
    )


TYPES = ("password", "GitHub", "GitLab", "Google", "Auth0", "OIDC", "custom")
"""How people may log in."""

_TYPE = f"{', '.join(f'`{one}`' for one in TYPES[:-1])} or `{TYPES[-1]}`."
_GROUPS = (
    "Claim that lists a person's groups: they are in those that `security.groups` has, too, from "
    "their next login on. Default: none."
)


class PasswordAuthentication(Section):
    """Users log in with the passwords of `security.users`."""

    type: Literal["password"] = Field(description=_TYPE)

    def resolve(self) -> dict[str, Any]:
        """Nothing: the hub checks passwords itself."""
        return {}


class _Elsewhere(Section):
    """Users log in at somebody else's, which `config` tells of."""

    config: Any

    def resolve(self) -> dict[str, Any]:
        """The authenticator's settings, secrets included. Raises MissingSecret."""
        return dict(_resolved(self.config))


class _Client(Section):
    """What the hub is registered as at whoever people log in at."""

    client_id: Title = Field(description="Client ID of the hub there.")
    client_secret: SecretRef = Field(description="Its secret: `{env: NAME}` or `{file: PATH}`.")
    oauth_callback_url: Url | None = Field(
        None, description="Default: `https://DOMAIN/hub/oauth_callback`."
    )


class GitHubConfig(_Client):
    """The OAuth app at GitHub."""


class GitHubAuthentication(_Elsewhere):
    """Users log in at GitHub; their names there are the names in `security.users`."""

    type: Literal["GitHub"] = Field(description=_TYPE)
    config: GitHubConfig = Field(description="The OAuth app at GitHub.")


class GitLabConfig(_Client):
    """The application at GitLab."""

    gitlab_url: ServerUrl = Field("https://gitlab.com", description="Which GitLab.")


class GitLabAuthentication(_Elsewhere):
    """Users log in at GitLab; their names there are the names in `security.users`."""

    type: Literal["GitLab"] = Field(description=_TYPE)
    config: GitLabConfig = Field(description="The application at GitLab.")


class GoogleConfig(_Client):
    """The OAuth client at Google."""

    hosted_domain: Domain = Field(
        description="Domain of the organisation: only its accounts may log in. What stands before "
        "the `@` of their addresses are the names in `security.users`."
    )


class GoogleAuthentication(_Elsewhere):
    """Users log in with their organisation's accounts at Google."""

    type: Literal["Google"] = Field(description=_TYPE)
    config: GoogleConfig = Field(description="The OAuth client at Google.")


class OidcConfig(_Client):
    """The client at any provider of OpenID Connect: Keycloak, Okta, Entra ID, Dex and the like."""

    authorize_url: Url = Field(
        description="`authorization_endpoint` in `/.well-known/openid-configuration` there."
    )
    token_url: Url = Field(description="`token_endpoint` in it.")
    userdata_url: Url = Field(description="`userinfo_endpoint` in it.")
    username_claim: Title = Field(
        "preferred_username", description="Claim with the name in `security.users`."
    )
    groups_claim: Title | None = Field(None, description=_GROUPS)
    scope: list[Title] = Field(
        default_factory=lambda: ["openid", "email", "profile"], description="OAuth scopes."
    )
    login_service: Title = Field(
        "OpenID Connect", description="What people are told that they sign in with."
    )


class OidcAuthentication(_Elsewhere):
    """Users log in at a provider of OpenID Connect."""

    type: Literal["OIDC"] = Field(description=_TYPE)
    config: OidcConfig = Field(description="The client at the provider.")


class Auth0Config(_Client):
    """The application at Auth0."""

    auth0_subdomain: Title = Field(description="`team` of `team.auth0.com`.")
    scope: list[Title] = Field(
        default_factory=lambda: ["openid", "email", "profile"], description="OAuth scopes."
    )
    groups_claim: Title | None = Field(None, description=_GROUPS)


class Auth0Authentication(_Elsewhere):
    """Users log in at Auth0."""

    type: Literal["Auth0"] = Field(description=_TYPE)
    config: Auth0Config = Field(description="The application at Auth0.")


def _class_path(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*([.:][A-Za-z_]\w*)*", text):
        raise wrong(f"`{text}` is not a Python class", "for example `oauthenticator.GitLabOAuth`")
    return text


class CustomAuthentication(_Elsewhere):
    """Users log in by a JupyterHub authenticator class of your own."""

    type: Literal["custom"] = Field(description=_TYPE)
    authentication_class: Annotated[str, Text(_class_path)] = Field(
        description="Importable name of the class, `package.module.Class`."
    )
    config: dict[str, Annotated[SecretRef | Any, Field(union_mode="left_to_right")]] = Field(
        default_factory=dict,
        description="Its traits. Secrets are `{env: NAME}` or `{file: PATH}` here too.",
    )


def _resolved(settings: Any) -> Any:
    """Settings with every reference in them replaced by the secret itself."""
    if isinstance(settings, SecretRef):
        return settings.resolve()
    if isinstance(settings, Section):
        return {
            name: _resolved(value)
            for name in type(settings).model_fields
            if (value := getattr(settings, name)) is not None
        }
    if isinstance(settings, dict):
        return {name: _resolved(value) for name, value in settings.items()}
    if isinstance(settings, list):
        return [_resolved(value) for value in settings]
    return settings


Authentication = Annotated[
    PasswordAuthentication
    | GitHubAuthentication
    | GitLabAuthentication
    | GoogleAuthentication
    | Auth0Authentication
    | OidcAuthentication
    | CustomAuthentication,
    Field(discriminator="type"),
]


class Security(Section):
    """Users, groups and the way to log in."""

    authentication: Authentication = Field(
        default_factory=lambda: PasswordAuthentication.model_construct(type="password"),
        description="How users log in.",
    )
    users: dict[UserName, User] = Field(
        default_factory=dict, description="Only these may log in; the key is the login name."
    )
    groups: dict[GroupName, Group] = Field(
        default_factory=dict,
        description="Groups that users and profiles name. `admin` administers the hub.",
    )
