"""People of a configuration file: added, removed, given another password, in the file itself.

The rest of the file stays as it is, to the letter. It is only replaced by what is valid.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from qhub.config import document as documents
from qhub.config.check import check, parse
from qhub.config.edit import Value, put, remove
from qhub.config.fields import label
from qhub.config.files import replace_file
from qhub.config.model import Config
from qhub.config.nearest import did_you_mean, listed
from qhub.config.scaffold import FIRST_ID
from qhub.config.security import LARGEST_ID
from qhub.errors import ConfigError, UsageError

_NOBODY = {65534, 65535}
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_PREFIX = "qhub-"  # of accounts that the local target makes


@dataclass(frozen=True)
class NewUser:
    """Somebody to add. What is None is chosen: the next free uid, the group that fits."""

    name: str
    groups: Sequence[str] = ()
    primary_group: str | None = None
    uid: int | None = None
    create_groups: bool = False


@dataclass
class Draft:
    """A configuration file that is being changed."""

    path: Path
    text: str
    document: documents.Document = field(repr=False)

    @property
    def users(self) -> Mapping[str, Any]:
        return self._mapping("users")

    @property
    def groups(self) -> Mapping[str, Any]:
        return self._mapping("groups")

    @property
    def with_passwords(self) -> bool:
        """Whether users log in with passwords of the file."""
        kind = self.document.value(("security", "authentication", "type"))
        return kind in (None, "password")

    def _mapping(self, name: str) -> Mapping[str, Any]:
        found = self.document.value(("security", name))
        return found if isinstance(found, dict) else {}

    def place(self, *path: str) -> str:
        """`file:line:column` of the key at a path."""
        found = self.document.place(path, key=True)
        return f"{self.path.name}:{found.line}:{found.column}"

    def put(self, path: tuple[str, ...], value: Value) -> None:
        """Set what is at `path`. Raises UsageError where that has to be done by hand."""
        self._take(put(self.text, path, value))

    def remove(self, path: tuple[str, ...]) -> None:
        """Take out what is at `path`. Raises UsageError where that has to be done by hand."""
        self._take(remove(self.text, path))

    def _take(self, text: str) -> None:
        self.text = text
        self.document = documents.parse(text, self.document.file)

    def user(self, name: str) -> Mapping[str, Any]:
        """What the file says of a user. Raises UsageError if that is nothing."""
        known = self.users
        if name not in known:
            raise UsageError(
                f"there is no user `{name}` in {self.path.name}{did_you_mean(name, known)}",
                f"there are: {listed(known)}" if known else f"qhub user add {name}",
            )
        found = known[name]
        return found if isinstance(found, dict) else {}


@contextlib.contextmanager
def draft(path: Path) -> Iterator[Draft]:
    """A file to change; at the end it is checked and replaced in one step, or stays as it was.

    Raises:
        ConfigError: It can't be read, or what it would say is not valid.
        UsageError: It can't be written.
    """
    target = path.resolve()
    with _alone(target.parent):
        document = documents.read(path)
        if not isinstance(document.data, dict):
            raise ConfigError(document.problems)
        text = target.read_bytes().decode("utf-8")
        bom = _BOM if text.startswith(_BOM) else ""
        made = Draft(path, text.removeprefix(_BOM), document)
        yield made
        _validated(made)
        if bom + made.text != text:
            status = target.stat()
            mode, owner = status.st_mode & 0o7777, (status.st_uid, status.st_gid)
            replace_file(target, bom + made.text, mode, owner)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two changes at once must not undo each other; what is locked is the folder."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # reading the file will tell why
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _validated(made: Draft) -> Config:
    try:
        return parse(made.text, made.document.file, made.path.absolute().parent)
    except ConfigError as error:
        before = check(made.path)
        known = {problem.message for problem in before.problems}
        old = [problem for problem in error.problems if problem.message in known]
        if len(old) == len(error.problems):  # none of it is our doing: as the file has it
            raise ConfigError(before.problems) from None
        raise


# --- what is done to it ------------------------------------------------------------------------


def add(made: Draft, user: NewUser) -> dict[str, Any]:
    """Add somebody, still without a password; returns what the file says of them now.

    Raises:
        UsageError: The name is taken or none, a group is unknown, a number is taken.
    """
    _refuse(made, user.name)
    primary = user.primary_group or _primary_group(made, user.groups)
    for group in dict.fromkeys([primary, *user.groups]):
        if group not in made.groups:
            _create_group(made, group, allowed=user.create_groups)
    secondary = [group for group in dict.fromkeys(user.groups) if group != primary]
    entry: dict[str, Any] = {"uid": _uid(made, user), "primary_group": primary}
    if secondary:
        entry["secondary_groups"] = secondary
    made.put(("security", "users", user.name), entry)
    return entry


def _refuse(made: Draft, name: str) -> None:
    _check_name("a user name", name)
    if name in made.users:
        raise UsageError(
            f"{made.place('security', 'users', name)}: there is a user `{name}` already",
            f"`qhub user passwd {name}` sets another password",
        )


def _check_name(kind: str, name: str) -> None:
    try:
        label(kind, 27, False)(name)
    except PydanticCustomError as error:
        hint = str((error.context or {}).get("hint", "")) or None
        raise UsageError(f"`{name}`: {error.message()}", hint) from None


def _primary_group(made: Draft, groups: Sequence[str]) -> str:
    if groups:
        return groups[0]
    if "users" in made.groups or len(made.groups) == 1:
        return "users" if "users" in made.groups else next(iter(made.groups))
    hint = f"there are: {listed(made.groups)}" if made.groups else "--group users --create-group"
    raise UsageError("name a group of the new user: --group GROUP", hint)


def _create_group(made: Draft, name: str, *, allowed: bool) -> None:
    if not allowed:
        known = made.groups
        there = f"there are: {listed(known)}; " if known else ""
        raise UsageError(
            f"there is no group `{name}`{did_you_mean(name, known)}",
            f"{there}--create-group makes it",
        )
    _check_name("a group name", name)
    import grp

    machine = {entry.gr_name: entry.gr_gid for entry in grp.getgrall()} if _is_local(made) else {}
    gid = _free(name, _numbers(made.groups, "gid"), machine, FIRST_ID)
    made.put(("security", "groups", name), {"gid": gid})


def _uid(made: Draft, user: NewUser) -> int:
    import pwd

    machine = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()} if _is_local(made) else {}
    own = _numbers(made.users, "uid")
    if user.uid is None:
        return _free(user.name, own, machine, FIRST_ID + 1)
    others = {number: name for name, number in machine.items() if name != _PREFIX + user.name}
    if user.uid in own:
        raise UsageError(f"the uid {user.uid} is taken by `{own[user.uid]}`", "leave out --uid")
    if user.uid in others:
        raise UsageError(
            f"the uid {user.uid} is that of {others[user.uid]} on this machine", "leave out --uid"
        )
    return user.uid


def _numbers(section: Mapping[str, Any], key: str) -> dict[int, str]:
    found = ((name, item.get(key)) for name, item in section.items() if isinstance(item, dict))
    return {number: name for name, number in found if type(number) is int}


def _free(name: str, own: Mapping[int, str], machine: Mapping[str, int], first: int) -> int:
    """The next number; the one that this name has on the machine already, if it may have it."""
    known = machine.get(_PREFIX + name)
    if known is not None and known not in own:
        return known
    taken = {*own, *machine.values(), *_NOBODY}
    after = max(own, default=first - 1) + 1
    candidates = chain(range(max(after, first), LARGEST_ID + 1), range(first, LARGEST_ID + 1))
    return next(number for number in candidates if number not in taken)


def _is_local(made: Draft) -> bool:
    return made.document.value(("provider",)) in (None, "local")


def drop(made: Draft, name: str) -> None:
    """Take somebody out. Raises UsageError if they are not in the file."""
    made.user(name)
    made.remove(("security", "users", name))


def set_password(made: Draft, name: str, password_hash: str) -> None:
    """Give somebody this hash. Raises UsageError if they are not in the file."""
    made.user(name)
    made.put(("security", "users", name, "password"), password_hash)


def password_file(made: Draft, name: str) -> Path | None:
    """The file that holds somebody's password; None where it is this one, as a hash.

    Raises:
        UsageError: It is in an environment variable, or there is nobody of this name.
    """
    password = made.user(name).get("password")
    if not isinstance(password, dict):
        return None
    if "file" in password:
        return made.path.absolute().parent / Path(str(password["file"])).expanduser()
    raise UsageError(
        f"the password of {name} is in the environment variable {password.get('env')} of whoever "
        f"deploys ({made.place('security', 'users', name, 'password')})",
        "set it there and deploy, or put a hash of `qhub hash-password` in its place",
    )
