"""The hub's own code, as far as it runs without JupyterHub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from qhub.hub import limits, theme
from qhub.hub.profiles import ProfileError, Profiles, facts_of, graphics_cards, size, slug

PROFILES: list[dict[str, Any]] = [
    {"display_name": "Small", "description": "<b>x</b>", "cpu_limit": 1.0, "mem_limit": 2**30},
    {"display_name": "Big One", "default": True, "groups": ["staff"], "mem_limit": 3 * 2**29},
    {"display_name": "Ada's", "users": ["ada"], "gpus": 1},
    {"display_name": "Nobody's", "users": []},
]
GROUPS = {"ada": ["staff"], "bob": []}


@pytest.fixture
def profiles() -> Profiles:
    return Profiles(PROFILES, lambda name: GROUPS[name])


def test_who_may_use_what(profiles: Profiles) -> None:
    assert list(profiles.allowed("ada")) == ["small", "big-one", "ada-s"]
    assert list(profiles.allowed("bob")) == ["small"]


def test_the_default_is_one_that_the_person_may_use(profiles: Profiles) -> None:
    assert profiles.default("ada") == "big-one"
    assert profiles.default("bob") == "small"
    assert profiles.choose("bob", None)[0] == "small"


@pytest.mark.parametrize("name", ["big-one", "Big One", "nobody-s", "../x", 7, ["small"], {}])
def test_what_is_refused(profiles: Profiles, name: object) -> None:
    with pytest.raises(ProfileError):
        profiles.choose("bob", name)


def test_titles_do_as_names(profiles: Profiles) -> None:
    assert profiles.choose("ada", "Big One")[0] == profiles.choose("ada", "big-one")[0]


def test_the_form(profiles: Profiles) -> None:
    assert profiles.form("bob") == "", "nothing to choose"
    form = profiles.form("ada", last="small")
    assert form.count('type="radio"') == 3
    assert re.search(r'value="small" checked', form)
    assert "&lt;b&gt;x&lt;/b&gt;" in form


def test_what_a_machine_lacks_is_not_offered() -> None:
    without = Profiles(PROFILES, lambda name: GROUPS[name], lambda profile: not profile.get("gpus"))
    assert "ada-s" not in without.allowed("ada")


def test_graphics_cards_are_counted_without_their_other_devices(tmp_path: Path) -> None:
    assert graphics_cards(tmp_path) == 0
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    assert graphics_cards(tmp_path) == 2


def test_profiles_in_words() -> None:
    assert [size(800 * 1024**2), size(3 * 2**29), size(512)] == ["800 MB", "1.5 GB", "512 bytes"]
    assert facts_of(PROFILES[0]) == ["1 processor", "1 GB memory"]
    assert facts_of({"cpu_limit": 1.5, "mem_limit": 3 * 2**29, "gpus": 2}) == [
        "1.5 processors",
        "1.5 GB memory",
        "2 graphics cards",
    ]
    assert slug({"display_name": "Größe: XL!"}) == "gr-e-xl"


@pytest.mark.parametrize("color", ["#ffffff", "#ffe680", "#4f4173", "#000", "#777777"])
def test_text_is_readable_on_any_colour(color: str) -> None:
    assert theme.contrast(theme.text_on(color), color) >= theme.READABLE - 0.2
    assert theme.contrast(theme.readable(color), "#ffffff") >= theme.READABLE


def test_a_colour_cannot_bring_style_along() -> None:
    colors = dict.fromkeys(
        ("primary_color", "secondary_color", "accent_color", "text_color", "h1_color", "h2_color"),
        "red;} body {display: none",
    )
    found = theme.template_vars({"theme": {"hub_title": "x", **colors}})
    assert set(found["colors"].values()) <= {"#1a1a1a", "#ffffff"}


def test_control_groups_of_two_deployments_differ() -> None:
    assert limits.Cgroup.parent_name("/a") != limits.Cgroup.parent_name("/b")
    assert limits.cpus_for(None) is None
    assert limits.cpus_for(10_000) is None
