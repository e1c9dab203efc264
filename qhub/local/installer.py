"""Making a folder of packages so that it is whole or not there, whoever interrupts it.

A folder is made in the very place where it is used, tried, and marked with a `.complete` file; only
then does a link point at it. What is said meanwhile goes to a log, which is also the lock: an
installer that outlived its killed run holds it, and is waited for.
"""

from __future__ import annotations

import configparser
import fcntl
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qhub.errors import LocalError
from qhub.local import owned, system
from qhub.local.facts import Machine
from qhub.local.files import write_private

_NOBODY = 65534
FAILED = "the packages could not be installed"
_FRAME = " \u00d7│╰├─▶"
"""What uv draws around its words."""
UNREACHABLE = "the channel"
"""How words begin on a conda channel that can't be reached."""


def is_complete(folder: Path) -> bool:
    """Whether an environment was made to its end, in this very place, and its Python still runs."""
    try:
        made = (folder / ".complete").read_text(encoding="utf-8").strip()
    except OSError:
        return False
    return made == str(folder) and (folder / "bin" / "python").exists()


@dataclass(frozen=True)
class Build:
    """A folder in the making."""

    machine: Machine
    folder: Path
    log: Path
    output: int

    def install(self, *command: str | Path, more: Mapping[str, str] | None = None) -> None:
        """Run an installer, marked as ours: a destroy ends what an interrupted run left at work."""
        marked = uv_environment() | owned.installing(self.machine) | dict(more or {})
        self._run([str(part) for part in command], marked)

    def uv(self, *arguments: str | Path, more: Mapping[str, str] | None = None) -> None:
        """Run uv with this machine's settings for it."""
        self.install(uv_program(), *arguments, more=more)

    def uv_says(self, *arguments: str | Path, more: Mapping[str, str] | None = None) -> str:
        """What uv answers to a question; empty where it has no answer."""
        command = [uv_program(), *map(str, arguments)]
        environment = uv_environment() | dict(more or {})
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, cwd="/", check=False
        )
        return done.stdout if done.returncode == 0 else ""

    def try_out(self, code: str, groups: Sequence[int] = (), through: Sequence[Path] = ()) -> None:
        """Run Python code in it: as nobody where every user, or every one of a group, is to."""
        command = [*map(str, (*through, self.folder / "bin" / "python")), "-I", "-c", code]
        if not self.machine.unix:
            self._run(command, None)
            return
        open_to_all(self.folder)
        group = groups[0] if groups else _NOBODY
        self._run(command, {}, user=_NOBODY, group=group)

    @property
    def _hint(self) -> str:
        return f"Log: {self.log}"

    def _run(
        self,
        command: list[str],
        environment: dict[str, str] | None,
        user: int | None = None,
        group: int | None = None,
    ) -> None:
        try:
            status = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self.output,
                stderr=self.output,
                env=environment,
                umask=0o022,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
                cwd="/",
            ).returncode
        except OSError as error:
            who = "other users" if user else "this user"
            reason = f"{who} can't run {error.filename}: {error.strerror}"
            raise LocalError(f"{FAILED}: {reason}", self._hint) from error
        if status < 0:
            name = signal.Signals(-status).name
            lacks = ": was there enough memory?" if name == "SIGKILL" else ""
            raise LocalError(
                f"{FAILED}: {Path(command[0]).name} ended by {name}{lacks}", self._hint
            )
        if status != 0:
            found, hint = cause(self.log.read_text(encoding="utf-8", errors="replace"))
            raise LocalError(f"{FAILED}: {found}", f"{hint} {self._hint}")


def uv_program() -> str:
    """Where uv is."""
    from uv import find_uv_bin

    return str(find_uv_bin())


def make(machine: Machine, folder: Path, log: Path, steps: Callable[[Build], None]) -> None:
    """Make a folder by these steps, from nothing, and mark it as complete.

    Raises:
        LocalError: a step failed; what it said is in the log, and nothing of the folder is left.
    """
    with log.open("a", encoding="utf-8") as output:
        fcntl.flock(output, fcntl.LOCK_EX)
        if is_complete(folder):  # by the run that was waited for
            return
        shutil.rmtree(folder, ignore_errors=True)
        output.truncate(0)
        log.chmod(0o600)
        try:
            steps(Build(machine, folder, log, output.fileno()))
        except LocalError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        (folder / ".lock").unlink(missing_ok=True)  # uv's; everybody may write it
        write_private(folder / ".complete", f"{folder}\n", mode=0o644)


def point(link: Path, folder: Path) -> None:
    """Let a link lead to a folder beside it, from one moment to the next."""
    if link.is_symlink() and link.resolve() == folder:
        return
    draft = link.with_name(f".{link.name}.new")
    draft.unlink(missing_ok=True)
    draft.symlink_to(folder.name)
    draft.replace(link)


def remove_unused(folder: Path) -> bool:
    """Remove a folder unless a process runs from it; says whether it is gone."""
    if system.running_from(str(folder)):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def cause(output: str) -> tuple[str, str]:
    """What the installer said, in one line, and what to do about it."""
    if channel := re.search(f"error: ({UNREACHABLE} .+)", output):
        return channel[1], "Check the network, or list a mirror or a folder under `channels`."
    if python := re.search(r"Failed to download \S*/cpython-(\d+\.\d+)", output):
        return (
            f"this machine has no Python {python[1]} that users can run, and none can be fetched",
            "Ask for another version or for none, install that one, or name a mirror of uv's "
            "with UV_PYTHON_INSTALL_MIRROR.",
        )
    network = re.search(r"(?i)dns error|failed to lookup|connect(ion)?.*(refused|error)", output)
    if network or re.search(r"(?i)error sending request|timed out|failed to fetch", output):
        return (
            "the package index can't be reached",
            "Check the network; a mirror is set with PIP_INDEX_URL or UV_DEFAULT_INDEX.",
        )
    if re.search(r"(?i)no space left", output):
        return "the disk is full", "Free some space and deploy again."
    lines = [line.strip(_FRAME) for line in output.splitlines() if line.strip(_FRAME)]
    if "No solution found" in output:  # and why, over several lines
        first = next(i for i, line in enumerate(lines) if "No solution found" in line)
        return _plain(" ".join(lines[first:])), "Change the requirements so that they fit together."
    errors = [line for line in lines if re.match(r"(?i)error|no solution|\w*Error", line)]
    return _plain((errors or lines or ["uv said nothing"])[-1]), "What follows is all in the log."


def _plain(line: str) -> str:
    """A line without the words that only say that it is an error."""
    return re.sub(r"\berror: ", "", re.sub(r":? cause: ", ": ", line))


def open_to_all(folder: Path) -> None:
    """Let every user read an environment: files from uv's cache may bear a narrow umask."""
    for parent, _, files in os.walk(folder):
        for name in files:
            path = Path(parent, name)
            mode = path.lstat().st_mode
            wanted = mode | 0o444 | (0o111 if mode & 0o100 else 0)
            if mode != wanted and not path.is_symlink():
                path.chmod(wanted & 0o7777)


def uv_environment() -> dict[str, str]:
    """The environment for uv: pip's settings of this machine count for it, too."""
    environment = dict(os.environ)
    environment.pop("VIRTUAL_ENV", None)
    pip = _pip_settings()
    for ours, theirs in (
        ("UV_DEFAULT_INDEX", "index-url"),
        ("UV_INDEX", "extra-index-url"),
        ("UV_FIND_LINKS", "find-links"),
        ("UV_NO_INDEX", "no-index"),
        ("UV_INSECURE_HOST", "trusted-host"),
        ("UV_HTTP_TIMEOUT", "default-timeout"),
        ("SSL_CERT_FILE", "cert"),
    ):
        value = os.environ.get(f"PIP_{theirs.upper().replace('-', '_')}") or pip.get(theirs)
        if value:
            environment.setdefault(ours, value)
    return environment


def _pip_settings() -> dict[str, str]:
    """The `[global]` and `[install]` settings of pip's files, the nearer ones winning."""
    home = Path.home()
    parser = configparser.RawConfigParser()
    files = [Path("/etc/pip.conf"), home / ".pip/pip.conf", home / ".config/pip/pip.conf"]
    if named := os.environ.get("PIP_CONFIG_FILE"):
        files.append(Path(named))
    try:
        parser.read(files, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}
    found: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            found |= {key: " ".join(value.split()) for key, value in parser.items(section)}
    return found
