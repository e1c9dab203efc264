"""What `qhub support` collects. Each part stands alone: one that fails says why, in its place."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from qhub import __version__
from qhub.config import Config, check, missing_secrets
from qhub.config.redaction import Redactor, redacted, secrets_of
from qhub.errors import QhubError, UsageError
from qhub.local import report
from qhub.local.facts import Machine
from qhub.runner import state
from qhub.runner.folder import Folder
from qhub.stages.base import Log
from qhub.stages.infrastructure import FACTS
from qhub.stages.logs import LogFile

_README = """\
Written by `qhub support` {version} at {time}, to be attached to a question.

Passwords, hashes, tokens, keys, cookies and the comments of the configuration were left out, by
name, by form and by value. Names of people, groups, addresses and folders are in here. Look at it
before you send it.
"""

_RUNS = 3
"""Runs of each command whose logs go along."""

LINES = 5000
"""Lines that a cluster is asked for; of these, what `--log-size` lets through is kept."""

T = TypeVar("T")


class Collection:
    """The parts of an archive, collected one by one.

    Args:
        config: the configuration file, which may be broken or missing.
        folder: the deployment's folder, in which there may be nothing.
        log_size: bytes of each log, from its end.
    """

    def __init__(self, config: Path, folder: Path, log_size: int) -> None:
        self._path, self._folder, self._log_size = config, Folder(folder), log_size
        self._config: Config | None = _or(lambda: check(config).config, None)
        self._machine: Machine | None = _or(lambda: Machine.load(folder / FACTS), None)
        known = _or(lambda: secrets_of(config), set[str]())
        if self._machine is not None:
            machine = self._machine
            known |= _or(lambda: report.secrets_of(machine), set[str]())
        self._states = _or(lambda: state.states(self._folder), dict[str, dict[str, Any]]())
        for one in self._states.values():
            known |= state.secrets_of(one)
        self._redactor = Redactor(known)
        self.contents: list[tuple[str, str]] = []

    @property
    def name(self) -> str:
        """Name of the archive and of the folder in it."""
        project = self._config.project_name if self._config else "unknown"
        return f"qhub-support-{project}-{datetime.now(UTC):%Y%m%d}"

    def write(self, path: Path) -> int:
        """Write the archive, for its owner alone; returns its size in bytes.

        Raises:
            UsageError: It can't be written.
        """
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w:gz") as archive:
            for name, text in self._parts():
                data = self._redactor.clean(text).encode()
                entry = tarfile.TarInfo(f"{self.name}/{name}")
                entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
                archive.addfile(entry, io.BytesIO(data))
                self.contents.append((name, _lines(data)))
        try:
            # Never through a link that somebody else put there.
            path.unlink(missing_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content.getvalue())
        except OSError as error:
            raise UsageError(f"{path} can't be written: {error.strerror}") from error
        return len(content.getvalue())

    def _parts(self) -> Iterator[tuple[str, str]]:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        yield "README.txt", _README.format(version=__version__, time=now)
        for name, collect in (
            ("config.yaml", self._redacted_config),
            ("validate.json", self._problems),
            ("versions.json", self._versions),
            ("doctor.json", self._doctor),
            ("status.json", self._status),
            ("stages.json", self._stages),
            ("machine.json", self._facts),
        ):
            yield name, _text(collect)
        for name, log in sorted(self._logs().items()):
            yield f"logs/{name}.log", _text(partial(self._tail, log))

    def _redacted_config(self) -> str:
        return redacted(self._path.read_text("utf-8-sig", errors="replace"), self._redactor)

    def _problems(self) -> list[dict[str, Any]]:
        checked = check(self._path)
        problems = [*checked.problems]
        if checked.config is not None:
            problems += missing_secrets(checked.config)
        # The line itself is in config.yaml, without what is secret in it.
        return [{**dataclasses.asdict(problem), "source": None} for problem in problems]

    def _versions(self) -> dict[str, Any]:
        from qhub.local.doctor import facts_of_system
        from qhub.terraform import find_engine

        found: dict[str, Any] = {"qhub": __version__, "python": sys.version}
        found["machine"] = facts_of_system()
        found["engine"] = _text(lambda: dataclasses.asdict(find_engine()))
        found["packages of qhub"] = report.packages(Path(sys.prefix))
        for name in ("hub", "user") if self._machine else ():
            assert self._machine  # noqa: S101 - for the type checker
            found[f"packages of {name}"] = report.packages(self._machine.environment(name))
        return found

    def _doctor(self) -> list[dict[str, Any]]:
        from qhub.cli.doctor import examine

        return [dataclasses.asdict(item) for item in examine(self._path, self._folder.root)]

    def _status(self) -> object:
        from qhub.cli.status import as_data
        from qhub.runner.status import status

        if self._config is None:
            return "the configuration is not valid"
        return as_data(status(self._config, self._folder))

    def _stages(self) -> dict[str, Any]:
        """What each stage's state holds: resources by address, and outputs that are not secret."""
        found: dict[str, Any] = {}
        for stage, kept in self._states.items():
            outputs = kept.get("outputs", {}).items()
            resources = kept.get("resources", [])
            found[stage] = {
                "complete": self._folder.is_complete(stage),
                "terraform_version": kept.get("terraform_version"),
                "resources": [f"{item['type']}.{item['name']}" for item in resources],
                "outputs": {k: v["value"] for k, v in outputs if not v.get("sensitive")},
                **({"error": kept["error"]} if "error" in kept else {}),
            }
        return found

    def _facts(self) -> object:
        return self._machine.model_dump(mode="json") if self._machine else "nothing is deployed"

    def _logs(self) -> dict[str, Log]:
        runs = _or(lambda: sorted((self._folder.private / "logs").glob("*.log")), list[Path]())
        commands = {path.stem.rpartition("-")[2] for path in runs}
        named: dict[str, Log] = {
            path.stem: LogFile(path)
            for command in commands
            for path in [one for one in runs if one.stem.endswith(f"-{command}")][-_RUNS:]
        }
        if self._machine is not None:
            from qhub.local import status

            machine = self._machine
            files = _or(lambda: status.logs(machine), dict[str, Path]())
            named |= {name: LogFile(path) for name, path in files.items()}
        elif self._config is not None and self._config.provider != "local":
            from qhub.runner.logs import logs

            config = self._config
            there = _or(lambda: logs(config, self._folder), dict[str, Log]())
            named |= {name: log for name, log in there.items() if not isinstance(log, LogFile)}
        return {re.sub(r"[^\w.-]", "_", name): log for name, log in named.items()}

    def _tail(self, log: Log) -> str:
        if isinstance(log, LogFile):
            return report.tail(log.path, self._log_size)
        text = "\n".join(log.lines(LINES, follow=False)) + "\n"
        return text if len(text) <= self._log_size else text[-self._log_size :].partition("\n")[2]


def _or(collect: Callable[[], T], otherwise: T) -> T:
    try:
        return collect()
    except (QhubError, OSError, ValueError):
        return otherwise


def _text(collect: Callable[[], object]) -> str:
    try:
        found = collect()
    except Exception as error:  # the rest is worth having, whatever went wrong here
        message = error.message if isinstance(error, QhubError) else f"{type(error)}: {error}"
        return f"could not be collected: {message}\n"
    return found if isinstance(found, str) else json.dumps(found, indent=1, default=str) + "\n"


def _lines(data: bytes) -> str:
    count = data.count(b"\n")
    return f"{count} lines"
