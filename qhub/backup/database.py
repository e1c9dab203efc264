"""The hub's database: copied while the hub may write to it, made ready to take its place."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from qhub.errors import BackupError

DATABASE = "database/jupyterhub.sqlite"
"""What it is called in a backup."""

_TODAY = """
DELETE FROM api_tokens WHERE service_id IS NOT NULL;
DELETE FROM servers WHERE id IN (SELECT server_id FROM spawners);
UPDATE spawners SET server_id = NULL, state = '{}';
"""


def copied(database: Path, scratch: Path) -> Path:
    """A copy as of one moment, for its owner alone.

    Raises:
        BackupError: The database is damaged or can't be read.
    """
    copy = scratch / "jupyterhub.sqlite"
    try:
        source = sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)
        os.close(_create(copy))
        with contextlib.closing(source), contextlib.closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            _check(target, database)
    except sqlite3.Error as error:
        raise BackupError(f"{database} can't be copied: {error}") from error
    return copy


def written(
    draft: Path, data: Iterable[bytes], python: str, environment: Mapping[str, str] | None = None
) -> None:
    """Write one of a backup as the hub of today takes it.

    Without tokens of services, as the hub knows those of today, and without servers: those of then
    run no more, and where they ran, another namespace say, a new one must not be looked for.

    Args:
        draft: where to; nobody else can reach its folder.
        data: the database.
        python: the one that has the hub.
        environment: what that one is started with.

    Raises:
        BackupError: It is none of a hub.
    """
    with os.fdopen(_create(draft), "wb") as file:
        file.writelines(data)
    try:
        with contextlib.closing(sqlite3.connect(draft)) as database:
            _check(database, draft)
            database.executescript(_TODAY)
    except sqlite3.Error as error:
        raise BackupError(f"the database of the backup can't be used: {error}") from error
    done = subprocess.run(
        [python, "-m", "jupyterhub", "upgrade-db", f"--db=sqlite:///{draft}"],
        env=environment,
        cwd=draft.parent,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        reason = said[-1].strip() if said else f"exit code {done.returncode}"
        raise BackupError(
            f"the database of the backup does not fit this hub: {reason}",
            hint="deploy with the qhub that made the backup, or restore files only (--user)",
        )


def replace(database: Path, draft: Path) -> None:
    """Let a draft take the place of the database, which nobody has open."""
    for ending in ("-journal", "-wal", "-shm"):
        Path(f"{database}{ending}").unlink(missing_ok=True)
    draft.replace(database)


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _check(database: sqlite3.Connection, path: Path) -> None:
    [answer] = database.execute("PRAGMA quick_check").fetchone()
    if answer != "ok":
        raise BackupError(f"{path} is damaged: {answer}")
