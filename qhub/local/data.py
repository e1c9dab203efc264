"""What people made with a deployment on this machine: what a backup saves and a restore puts back.

    homes/NAME, shared/GROUP        all of it, but for caches
    database/jupyterhub.sqlite      users, API tokens (as hashes), sessions of the hub
    identity/ssh_host_…             the SSH host key, so that clients know the machine again

Left out is what a deploy makes anew: environments, tokens of services, the cookie secret, logs.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from qhub.backup.database import DATABASE, copied, replace, written
from qhub.backup.owners import Owners
from qhub.backup.source import CACHES
from qhub.errors import LocalError
from qhub.local import accounts, effective, jupyterhub, kubessh, owned, supervisor, system
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder, write_private
from qhub.local.people import People

IDENTITY = "identity/"
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
            BackupError: The database is damaged or can't be read.
        """
        if self._database.exists():
            yield DATABASE, copied(self._database, scratch)
        for name in (kubessh.HOST_KEY, f"{kubessh.HOST_KEY}.pub"):
            if (path := self._machine.private / name).exists():
                yield f"{IDENTITY}{name}", path

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
            BackupError: The database is none of a hub.
        """
        if name == DATABASE:
            self._put_database(data)
        elif name.startswith(IDENTITY):
            text = b"".join(data).decode()
            write_private(self._machine.private / name.removeprefix(IDENTITY), text)

    def _put_database(self, data: Iterator[bytes]) -> None:
        scratch = self._machine.private / ".restore"
        shutil.rmtree(scratch, ignore_errors=True)
        draft = ensure_folder(scratch, 0o700) / "jupyterhub.sqlite"
        python = self._machine.interpreter("hub")
        try:
            written(draft, data, str(python), supervisor.clean_environment(self._machine))
            replace(self._database, draft)
        finally:
            shutil.rmtree(scratch)
