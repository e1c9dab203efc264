"""What people made with a deployment on this machine: what a backup saves and a restore puts back.

    homes/NAME, shared/GROUP        all of it, but for caches
    database/jupyterhub.sqlite      users, API tokens (as hashes), sessions of the hub
    identity/ssh_host_…             the SSH host key, so that clients know the machine again

Left out is what a deploy makes anew: environments, tokens of services, the cookie secret, logs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from qhub.backup.owners import Owners
from qhub.errors import LocalError
from qhub.local import accounts, effective, jupyterhub, kubessh, owned, supervisor, system
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder, write_private
from qhub.local.people import People

DATABASE = "database/jupyterhub.sqlite"
IDENTITY = "identity/"
CACHES = (".cache",)
"""Folders of a home that programs fill anew."""

STAYS = ("proxy",)
"""What goes on while nobody may work: visitors get an answer."""


class LocalData:
    """The data of a deployment on this machine; a `qhub.backup.source.Source`."""

    def __init__(self, machine: Machine, say: Callable[[str], None] = lambda line: None) -> None:
        self._machine, self._say = machine, say

    @property
    def owners(self) -> Owners:
        """People and groups as last deployed."""
        settings = effective.applied(self._machine)
        if settings is None:
            return Owners(unix=self._machine.unix)
        return Owners(
            unix=self._machine.unix,
            users={name: user.uid for name, user in settings.users.items()},
            groups={name: group.gid for name, group in settings.groups.items()},
            primary={name: user.primary_group for name, user in settings.users.items()},
        )

    @property
    def folder(self) -> Path:
        """The folder of everything."""
        return self._machine.directory

    @property
    def _database(self) -> Path:
        return self._machine.private / "jupyterhub.sqlite"

    def documents(self, scratch: Path) -> Iterator[tuple[str, Path]]:
        """The hub's database, copied while the hub may write to it, and the SSH host key.

        Raises:
            LocalError: The database is damaged or can't be read.
        """
        if self._database.exists():
            yield DATABASE, self._copy(scratch)
        for name in (kubessh.HOST_KEY, f"{kubessh.HOST_KEY}.pub"):
            if (path := self._machine.private / name).exists():
                yield f"{IDENTITY}{name}", path

    def _copy(self, scratch: Path) -> Path:
        copy = scratch / "jupyterhub.sqlite"
        try:
            source = sqlite3.connect(f"{self._database.as_uri()}?mode=rw", uri=True)
            os.close(_create(copy))
            with contextlib.closing(source), contextlib.closing(sqlite3.connect(copy)) as target:
                source.backup(target)
                _check(target, self._database)
        except sqlite3.Error as error:
            raise LocalError(f"{self._database} can't be copied: {error}") from error
        return copy

    def places(self) -> dict[str, Path]:
        """Homes and shared folders, also those of who was removed from the configuration."""
        found = {}
        for kind, folder in (("homes", self._machine.homes), ("shared", self._machine.shared)):
            for path in sorted(folder.iterdir()) if folder.is_dir() else []:
                if path.is_dir() and not path.is_symlink():
                    found[f"{kind}/{path.name}"] = path
        return found

    def skipped(self, place: str) -> frozenset[str]:
        """Caches of a home."""
        if not place.startswith("homes/"):
            return frozenset()
        return frozenset(f"{place}/{name}" for name in CACHES)

    def place(self, name: str) -> Path:
        """A home or shared folder; one of nobody's is closed to all but root."""
        path = self._machine.directory / name
        if not path.is_dir():
            ensure_folder(path, 0o700)
        return path

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """End people's servers and clusters and stop the hub; start it again afterwards.

        Raises:
            LocalError: The supervisor doesn't run, or the hub doesn't come up again.
        """
        machine = self._machine
        if supervisor.identity(machine) is None:
            raise LocalError("the deployment doesn't run", "Start it: qhub deploy")
        supervisor.pause(machine, STAYS)
        try:
            system.end(self._processes)
            yield
        finally:
            supervisor.update(machine)
        jupyterhub.wait_healthy(machine)
        settings = effective.applied(machine)
        if settings is not None:  # a restored database may know people who were removed since
            People(machine, settings, self._say).clean_up()

    def _processes(self) -> Iterator[system.Process]:
        """All that runs for people."""
        yield from (process for _, process in owned.servers(self._machine))
        if self._machine.unix:
            for name in accounts.our_users(self._machine):
                yield from accounts.processes_of(self._machine, name)

    def put(self, name: str, data: Iterator[bytes]) -> None:
        """Put the database or a key back.

        Raises:
            LocalError: The database is none of a hub.
        """
        if name == DATABASE:
            self._put_database(data)
        elif name.startswith(IDENTITY):
            text = b"".join(data).decode()
            write_private(self._machine.private / name.removeprefix(IDENTITY), text)

    def _put_database(self, data: Iterator[bytes]) -> None:
        """Without tokens of services: the hub knows those of today."""
        scratch = self._machine.private / ".restore"
        shutil.rmtree(scratch, ignore_errors=True)
        draft = ensure_folder(scratch, 0o700) / "jupyterhub.sqlite"
        try:
            with os.fdopen(_create(draft), "wb") as file:
                file.writelines(data)
            with contextlib.closing(sqlite3.connect(draft)) as database:
                _check(database, draft)
                database.execute("DELETE FROM api_tokens WHERE service_id IS NOT NULL")
                database.commit()
            self._upgrade(draft)
            for ending in ("-journal", "-wal", "-shm"):
                Path(f"{self._database}{ending}").unlink(missing_ok=True)
            draft.replace(self._database)
        except sqlite3.Error as error:
            raise LocalError(f"the database of the backup can't be used: {error}") from error
        finally:
            shutil.rmtree(scratch)

    def _upgrade(self, database: Path) -> None:
        """Bring a database of an older JupyterHub to the one that is deployed."""
        python = self._machine.interpreter("hub")
        done = subprocess.run(
            [python, "-m", "jupyterhub", "upgrade-db", f"--db=sqlite:///{database}"],
            env=supervisor.clean_environment(self._machine),
            cwd=database.parent,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            reason = said[-1].strip() if said else f"exit code {done.returncode}"
            raise LocalError(
                f"the database of the backup does not fit this hub: {reason}",
                "Deploy with the qhub that made the backup, or restore files only (--user).",
            )


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _check(database: sqlite3.Connection, path: Path) -> None:
    [answer] = database.execute("PRAGMA quick_check").fetchone()
    if answer != "ok":
        raise LocalError(f"{path} is damaged: {answer}")
