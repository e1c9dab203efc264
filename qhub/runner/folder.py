"""The folder of one deployment: what lies where, and the lock against a second run."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from qhub.errors import LockedError, UsageError

COMPLETE = ".complete"

LOCAL_STATE = ".qhub/state"
"""Where the local backend keeps Terraform's states, below the deployment's folder."""


@dataclass(frozen=True)
class Folder:
    """A deployment's folder.

    `stages/` is rendered and may be committed; `.qhub/` is this machine's own (states, what was
    last applied, logs) and is not.
    """

    root: Path

    @property
    def stages(self) -> Path:
        return self.root / "stages"

    @property
    def private(self) -> Path:
        return self.root / ".qhub"

    @property
    def applied(self) -> Path:
        """A copy of each stage's module as it was last applied: what `destroy` works from."""
        return self.private / "applied"

    def state(self, stage: str) -> Path:
        return self.root / LOCAL_STATE / f"{stage}.tfstate"

    def data(self, stage: str) -> Path:
        """Terraform's working data of the stage."""
        return self.private / "terraform" / stage

    def prepare(self) -> None:
        """Make the private part: for the owner alone, and never committed.

        Raises:
            UsageError: The folder can't be written.
        """
        try:
            self.private.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.private.chmod(0o700)
            write(self.private / ".gitignore", b"*\n")
        except OSError as error:
            raise UsageError(
                f"can't write to {self.root}: {error.strerror}", hint="choose another with -o DIR"
            ) from error

    def applied_stages(self) -> list[str]:
        """Names of the stages that were applied, wholly or in part, and not destroyed since.

        Raises:
            UsageError: The deployment is somebody else's.
        """
        try:
            if not self.applied.is_dir():
                return []
            return sorted(path.name for path in self.applied.iterdir() if path.is_dir())
        except PermissionError as error:
            raise UsageError(
                f"{self.private} can't be read: the deployment was made by {_owner(self.private)}",
                hint="run qhub as that user",
            ) from error

    def remember(self, stage: str) -> None:
        """Keep the rendered module as the one that is applied from now on."""
        self.applied.mkdir(parents=True, exist_ok=True)
        target = self.applied / stage
        with tempfile.TemporaryDirectory(dir=self.private, prefix="applied-") as scratch:
            fresh = Path(scratch) / "new"
            shutil.copytree(self.stages / stage, fresh, ignore=shutil.ignore_patterns(".terraform"))
            if target.exists():
                target.rename(Path(scratch) / "old")
            fresh.rename(target)

    def mark_complete(self, stage: str) -> None:
        """Note that the remembered module was applied to its end and passed its check."""
        (self.applied / stage / COMPLETE).touch()

    def is_complete(self, stage: str) -> bool:
        """Whether the last apply of the stage went to its end."""
        return (self.applied / stage / COMPLETE).exists()

    def forget(self, stage: str) -> None:
        """Drop what is kept of a stage that was destroyed."""
        for path in (self.applied / stage, self.data(stage)):
            shutil.rmtree(path, ignore_errors=True)
        for state in self.state(stage).parent.glob(f"{stage}.tfstate*"):
            state.unlink()

    @contextlib.contextmanager
    def locked(self, command: str) -> Iterator[None]:
        """Keep other runs out.

        The lock is the kernel's, so that it is gone with the process, however that ends.

        Raises:
            LockedError: Another run has it.
        """
        self.prepare()
        with (self.private / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                raise LockedError(
                    f"another run is at work on {self.root}{_holder(file.read())}",
                    hint="wait for it, or end it: it keeps its state and can be run again",
                ) from None
            file.truncate(0)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            file.write(json.dumps({"pid": os.getpid(), "command": command, "since": now}))
            file.flush()
            yield


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError):
        return "another user"


def own_state(stage: str) -> str:
    """Path of a stage's state in the deployment's folder, as seen from its module."""
    return f"../../{LOCAL_STATE}/{stage}.tfstate"


def is_own_state(path: str) -> bool:
    """Whether a local backend's path is one of `own_state`."""
    return path.startswith(f"../../{LOCAL_STATE}/")


def _holder(text: str) -> str:
    try:
        held = json.loads(text)
        return f": {held['command']}, process {held['pid']}, since {held['since']}"
    except (ValueError, KeyError, TypeError):
        return ""


def write(path: Path, content: bytes, mode: int = 0o644) -> bool:
    """Write a file whole or not at all; True when it was not like that already."""
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == content and path.stat().st_mode & 0o777 == mode:
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(scratch).chmod(mode)
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
    return True
