"""From a file to a `Config`, or to everything that is wrong with it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from qhub.config import document as documents
from qhub.config.document import Document
from qhub.config.model import Config
from qhub.config.rules import findings
from qhub.config.secrets import SecretRef
from qhub.errors import ConfigError, MissingSecret, Problem


@dataclass(frozen=True)
class Report:
    """What `check` found. `config` is None as soon as one problem is an error."""

    config: Config | None
    problems: list[Problem]


def check(path: Path) -> Report:
    """Reads and checks a file; never raises, whatever it holds. Secrets are not looked up."""
    return _examined(documents.read(path), path.absolute().parent)


def load(path: Path) -> Config:
    """The configuration in a file. Raises ConfigError with every problem in it."""
    return _sound(check(path))


def parse(text: str, file: str = "qhub-config.yaml", folder: Path | None = None) -> Config:
    """The configuration in `text`. Raises ConfigError with every problem in it.

    Args:
        text: YAML.
        file: What messages call it.
        folder: Where relative paths in it start; default: the current folder.
    """
    return _sound(_examined(documents.parse(text, file), folder or Path.cwd()))


def missing_secrets(config: Config) -> list[Problem]:
    """A warning for each secret that `config` refers to and that is not there.

    Where something is deployed they are errors: whoever deploys makes them so.
    """
    problems = []
    source = config.source or Document("qhub-config.yaml")
    for path, reference in _references(config):
        try:
            reference.resolve()
        except MissingSecret as error:
            problem = source.problem(path, error.message, error.hint)
            problems.append(replace(problem, severity="warning"))
    return _sorted(problems)


def _sound(report: Report) -> Config:
    if report.config is None:
        raise ConfigError(report.problems)
    return report.config


def _examined(document: Document, folder: Path) -> Report:
    if not isinstance(document.data, dict):
        return Report(None, _sorted(document.problems))
    config: Config | None = None
    _build()
    problems = list(document.problems)
    said = {(problem.line, problem.column) for problem in problems}
    more: list[Problem] = []
    try:
        config = Config.model_validate(document.data, context={"folder": folder})
        config.attach(document)
    except ValidationError as error:
        from qhub.config.explain import explain

        more = explain(error, document)
    except Exception as error:  # a fault of ours must not become a traceback of theirs
        more = [document.problem((), f"this file could not be checked: {error}")]
    for found in findings(document):
        more.append(document.problem(found.path, found.message, found.hint, key=found.key))
    # What the reader complained of already would only be said twice.
    problems += [problem for problem in more if (problem.line, problem.column) not in said]
    is_sound = all(problem.severity == "warning" for problem in problems)
    return Report(config if is_sound else None, _sorted(problems))


def _build() -> None:
    """Builds the models' validator once, without the search for plugins.

    pydantic would look through every installed package, which takes as long as all else here.
    """
    if not Config.__pydantic_complete__:
        before = os.environ.get("PYDANTIC_DISABLE_PLUGINS")
        os.environ["PYDANTIC_DISABLE_PLUGINS"] = "1"
        try:
            Config.model_rebuild()
        finally:
            del os.environ["PYDANTIC_DISABLE_PLUGINS"]
            if before is not None:
                os.environ["PYDANTIC_DISABLE_PLUGINS"] = before


def _sorted(problems: list[Problem]) -> list[Problem]:
    unique = dict.fromkeys(problems)
    return sorted(unique, key=lambda problem: (problem.line, problem.column))


def _references(
    value: Any, path: documents.KeyPath = ()
) -> list[tuple[documents.KeyPath, SecretRef]]:
    """Every SecretRef in a model, with its path."""
    if isinstance(value, SecretRef):
        return [(path, value)]
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)  # type: ignore[assignment]
    elif hasattr(value, "__pydantic_fields__"):
        items = ((name, getattr(value, name)) for name in value.__pydantic_fields__)  # type: ignore[assignment]
    else:
        return []
    return [found for key, item in items for found in _references(item, (*path, key))]
