"""Documentation that can't rot: what it shows is tried."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qhub.config import parse

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_readme_s_config_is_valid() -> None:
    [config] = blocks((ROOT / "README.md").read_text(), "yaml")
    assert parse(config).provider == "local"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_what_the_threat_model_claims_is_tested() -> None:
    page = (ROOT / "docs" / "threat-model.md").read_text()
    named = set(re.findall(r"test_\w+", page))
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 20
    assert not {name for name in named if f"def {name}(" not in tests}


def test_make_targets_of_the_docs_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        shown = "\n".join(blocks(page.read_text(), ""))
        named = set(re.findall(r"^make ([a-z-]+)", shown, re.MULTILINE))
        assert named <= targets, page.name


def test_folders_of_the_readme_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    for folder in re.findall(r"^\| `(qhub/[a-z/]+)`", readme, re.MULTILINE):
        assert (ROOT / folder).is_dir(), folder
