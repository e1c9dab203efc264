"""All that can go wrong, as a tree.

    QhubError                    exit code 1
    ├── UsageError               2  a flag or an argument that makes no sense
    ├── ConfigError              2  the configuration file, with every problem found in it
    ├── MissingSecret            1  a secret that the config refers to is not there
    ├── PreflightError           1  this machine can't take the deployment; nothing was changed
    ├── EngineError              1  no usable Terraform, or it could not be run
    │   └── StateLocked          1  another Terraform is at work on a stage's state, or died there
    ├── StageError               1  a stage failed to plan, apply, destroy or pass its check
    ├── LocalError               1  a service of the local target could not be set up
    ├── HubError                 1  a hub doesn't answer, or refuses
    ├── ClusterError             1  a Kubernetes cluster can't be reached, or refuses
    ├── DnsError                 1  a DNS record can't be made or taken away
    ├── MirrorError              1  a part of a deployment can't be had for a mirror
    ├── BackupError              1  a backup can't be written, trusted or put back
    ├── LockedError              1  another run is at work on this deployment
    └── Interrupted            130  Ctrl-C or SIGTERM; state is kept, the next run goes on

Library code raises; only `qhub.cli` turns an error into text and an exit code. Exit code 3 is no
error: `deploy --plan --exit-code` found changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a configuration file.

    `line` and `column` count from 1; 0 means that the problem has no place in the file (the file
    is missing, say). `key` is the dotted path of the setting (`profiles.jupyterlab[0].default`).
    """

    message: str
    file: str
    line: int = 0
    column: int = 0
    key: str = ""
    hint: str | None = None
    source: str | None = None
    severity: Literal["error", "warning"] = "error"

    @property
    def place(self) -> str:
        """`file:line:column`, as editors and CI understand it."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class QhubError(Exception):
    """An error that a user can act on.

    Args:
        message: What is wrong, in one or a few lines.
        hint: What to do about it, as an instruction.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(QhubError):
    """A flag or an argument that makes no sense."""

    exit_code = 2


class ConfigError(QhubError):
    """The configuration can't be used; `problems` holds every one found, in file order."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        count = sum(problem.severity == "error" for problem in self.problems)
        super().__init__(f"{count} problem{'' if count == 1 else 's'} in the configuration")


class MissingSecret(QhubError):
    """An environment variable or file that holds a secret is not there."""


class PreflightError(QhubError):
    """This machine can't take the deployment. Raised before anything is changed."""


class EngineError(QhubError):
    """No usable Terraform was found, or it could not be run."""


class StateLocked(EngineError):
    """Another Terraform holds the lock of a state, or died with it.

    Args:
        identity: Names the lock; empty where Terraform doesn't tell.
        who: Who took it, `ada@laptop`.
        since: When, in seconds since 1970; 0 where that is not told.
    """

    def __init__(self, message: str, identity: str, who: str, since: float) -> None:
        super().__init__(message)
        self.identity, self.who, self.since = identity, who, since


class StageError(QhubError):
    """A stage failed; `stage` is its folder name, `cause` the message without it."""

    def __init__(self, stage: str, message: str, hint: str | None = None) -> None:
        super().__init__(f"{stage}: {message}", hint)
        self.stage = stage
        self.cause = message


class LocalError(QhubError):
    """A service, an account or an environment of the local target could not be set up."""


class HubError(QhubError):
    """The hub doesn't answer, or refuses."""


class ClusterError(QhubError):
    """A Kubernetes cluster can't be reached, or refuses; `status` is what HTTP calls that."""

    def __init__(self, message: str, hint: str | None = None, status: int | None = None) -> None:
        super().__init__(message, hint)
        self.status = status


class DnsError(QhubError):
    """A DNS record can't be made or taken away."""


class MirrorError(QhubError):
    """A provider, a chart or an image can't be had, so that a mirror stays incomplete."""

    @classmethod
    def unreachable(cls, host: str, reason: object) -> MirrorError:
        """That a server doesn't answer from here."""
        return cls(
            f"{host} can't be reached: {reason}",
            "run `qhub mirror pull` where there is internet and bring the folder here,"
            " or name the way out in HTTPS_PROXY",
        )


class BackupError(QhubError):
    """A backup can't be written, can't be trusted or can't be put back."""


class LockedError(QhubError):
    """Another run is at work on this deployment."""


class Interrupted(QhubError):
    """Ctrl-C or SIGTERM. What was applied is kept; the next run goes on from there."""

    exit_code = 130
