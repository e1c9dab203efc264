"""The choice of a profile before a server starts, whatever kind of server it is."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator, no-any-return"

from __future__ import annotations

from typing import Any

from tornado.web import HTTPError
from traitlets import HasTraits, default

from .profiles import Profile, ProfileError, Profiles


class ProfileChoice(HasTraits):
    """Makes a spawner offer the profiles a person may use, and keep to the one chosen."""

    user: Any
    orm_spawner: Any
    profiles: Profiles
    profile: dict[str, Any]
    user_options: dict[str, Any]

    @default("options_form")
    def _options_form_default(self) -> Any:
        return lambda spawner: spawner.profiles.form(
            spawner.user.name, spawner.user_options.get("profile")
        )

    def options_from_form(self, form_data: dict[str, list[str]]) -> dict[str, Any]:
        """The profile that was chosen on the page, if this person may use it."""
        name, _ = self.profiles.choose(self.user.name, form_data.get("profile", [None])[0])
        return {"profile": name}

    @default("apply_user_options")
    def _apply_user_options_default(self) -> Any:
        return lambda spawner, options: spawner.apply_profile(options)

    def apply_profile(self, options: dict[str, Any]) -> None:
        """Check the profile asked for, from the page or the API, and take it."""
        try:
            name, profile = self.profiles.choose(self.user.name, options.get("profile"))
        except ProfileError as error:
            self.orm_spawner.user_options = {}  # else the next start would ask for it again
            raise HTTPError(400, str(error)) from error
        self.user_options = {"profile": name}
        self.profile = dict(profile)
        self.take_profile(profile)

    def take_profile(self, profile: Profile) -> None:
        """Take over the limits of a profile."""
        self.cpu_limit = profile.get("cpu_limit")
        self.cpu_guarantee = profile.get("cpu_guarantee")
        self.mem_limit = profile.get("mem_limit")
        self.mem_guarantee = profile.get("mem_guarantee")
