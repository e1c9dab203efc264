"""Unix users and groups for people, where each is a Unix user of their own.

A user `qhub-NAME` bears `qhub FOLDER` as its comment, where FOLDER is the deployment's; a group
`qhub-GROUP` is written down in `private/groups.json` before it is made. What doesn't bear that
sign was made by somebody else and is never touched. So one machine can hold several deployments
with Unix users as long as their names, uids and gids differ.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from qhub.errors import LocalError, PreflightError
from qhub.local import system
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder, write_private
from qhub.local.settings import HubSettings, User

PREFIX = "qhub-"
NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,26}")
"""What useradd takes everywhere, 32 characters with the prefix."""


def account(name: str) -> str:
    """The Unix name of a person or group."""
    return f"{PREFIX}{name}"


def comment(machine: Machine) -> str:
    """The sign of this deployment in an account's comment field."""
    return f"qhub {machine.directory}"


def user_entry(name: str) -> pwd.struct_passwd | None:
    """The Unix user of a person; None when there is none."""
    try:
        return pwd.getpwnam(account(name))
    except KeyError:
        return None


def group_entry(name: str) -> grp.struct_group | None:
    """The Unix group of a group; None when there is none."""
    try:
        return grp.getgrnam(account(name))
    except KeyError:
        return None


def our_users(machine: Machine) -> dict[str, pwd.struct_passwd]:
    """The people who have an account of this deployment's."""
    sign = comment(machine)
    return {
        entry.pw_name.removeprefix(PREFIX): entry
        for entry in pwd.getpwall()
        if entry.pw_name.startswith(PREFIX) and entry.pw_gecos == sign
    }


def our_groups(machine: Machine) -> dict[str, int]:
    """The groups that this deployment made or was about to make, with their gids."""
    try:
        known: dict[str, int] = json.loads(_groups_file(machine).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return known


def _groups_file(machine: Machine) -> Path:
    return machine.private / "groups.json"


def _problems(settings: HubSettings, machine: Machine) -> Iterator[str]:
    ours, groups = our_users(machine), our_groups(machine)
    by_uid = {entry.pw_uid: entry for entry in pwd.getpwall()}
    by_gid = {entry.gr_gid: entry.gr_name for entry in grp.getgrall()}
    for kind, names in (("user", settings.users), ("group", settings.groups)):
        for name in names:
            if not NAME.fullmatch(name):
                yield f"{kind} {name} can't be a Unix {kind} (a-z, 0-9, _ . -, 27 characters)"
    for name, user in settings.users.items():
        entry, holder = user_entry(name), by_uid.get(user.uid)
        if entry and name not in ours:
            yield f"the Unix user {account(name)} is {_whose(entry)}"
        elif holder and holder.pw_name.removeprefix(PREFIX) not in ours:
            yield f"the uid {user.uid} of {name} is that of {holder.pw_name}, {_whose(holder)}"
    for name, group in settings.groups.items():
        found, taken_by = group_entry(name), by_gid.get(group.gid)
        if found and name not in groups:
            yield f"the Unix group {account(name)} was made by somebody else"
        elif taken_by and taken_by.removeprefix(PREFIX) not in groups:
            yield f"the gid {group.gid} of the group {name} is that of {taken_by}"


def _whose(entry: pwd.struct_passwd) -> str:
    if entry.pw_gecos.startswith("qhub /"):
        return f"of the deployment in {entry.pw_gecos.removeprefix('qhub ')}"
    return "not made by qhub"


def preflight(settings: HubSettings, machine: Machine | None) -> None:
    """Find names and numbers that somebody else has, changing nothing.

    Raises:
        PreflightError: with every one of them.
    """
    if machine is None or not machine.unix:
        return
    problems = list(_problems(settings, machine))
    if problems:
        raise PreflightError(
            "the people can't get their Unix users:\n" + "\n".join(f"  - {p}" for p in problems),
            "Take other names, uids or gids (security.users, security.groups), or set "
            "local.isolation: none. Nothing was changed.",
        )


def apply(machine: Machine, settings: HubSettings, say: Callable[[str], None]) -> None:
    """Make accounts and groups agree with the settings; those of removed people stay for now."""
    wanted = {name: group.gid for name, group in settings.groups.items()}
    known = our_groups(machine)
    write_private(_groups_file(machine), json.dumps({**known, **wanted}, indent=1) + "\n")
    for name, gid in wanted.items():
        _ensure_group(name, gid)
    changed = [name for name, user in settings.users.items() if _ensure_user(machine, name, user)]
    if changed:
        say(f"Unix users: {', '.join(map(account, changed[:5]))}{' …' if changed[5:] else ''}")


def _ensure_group(name: str, gid: int) -> None:
    entry = group_entry(name)
    if entry is None:
        _run("groupadd", "--gid", str(gid), account(name))
    elif entry.gr_gid != gid:
        _run("groupmod", "--gid", str(gid), account(name))


def _ensure_user(machine: Machine, name: str, user: User) -> bool:
    """Make or mend one account; says whether anything had to be done."""
    entry = user_entry(name)
    home = str(machine.homes / name)
    gid = grp.getgrnam(account(user.primary_group)).gr_gid
    secondary = sorted({*user.groups} - {user.primary_group})
    flags = ["--uid", str(user.uid), "--gid", str(gid), "--home", home, "--shell", "/bin/bash"]
    flags += ["--groups", ",".join(map(account, secondary))]
    if entry is None:
        flags += ["--no-create-home", "--no-user-group", "--no-log-init"]
        flags += ["-K", "SUB_UID_COUNT=0", "-K", "SUB_GID_COUNT=0"]
        _run("useradd", *flags, "--comment", comment(machine), account(name))
        return True
    if entry.pw_gecos != comment(machine):
        raise LocalError(f"the Unix user {account(name)} is {_whose(entry)}")
    same = (entry.pw_uid, entry.pw_gid, entry.pw_dir) == (user.uid, gid, home)
    if same and {*_secondary(account(name), gid)} == {*map(account, secondary)}:
        return False
    _run("usermod", *flags, account(name))
    return True


def _secondary(unix_name: str, primary: int) -> list[str]:
    gids = set(os.getgrouplist(unix_name, primary)) - {primary}
    return [grp.getgrgid(gid).gr_name for gid in gids]


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        reason = said[-1] if said else f"exit code {done.returncode}"
        raise LocalError(f"{command[0]} failed for {command[-1]}: {reason}")


def outdated(machine: Machine, settings: HubSettings) -> list[str]:
    """People whose uid or primary gid must change, so whose server has to end first."""
    found = []
    for name, entry in our_users(machine).items():
        user = settings.users.get(name)
        gids = {group: value.gid for group, value in settings.groups.items()}
        if user and (entry.pw_uid, entry.pw_gid) != (user.uid, gids.get(user.primary_group)):
            found.append(name)
    return found


def remove(machine: Machine, users: Sequence[str], groups: Sequence[str]) -> None:
    """Remove accounts of ours with all their processes, then groups of ours. Files stay."""
    ours = our_users(machine)
    for name in users:
        if name in ours:
            uid = ours[name].pw_uid
            system.end(partial(system.of_user, uid))
            _run("userdel", account(name))
    known = our_groups(machine)
    for name in groups:
        if name in known:
            if group_entry(name):
                _run("groupdel", account(name))
            del known[name]
    if machine.private.is_dir():
        write_private(_groups_file(machine), json.dumps(known, indent=1) + "\n")


def ensure_homes(machine: Machine, users: Mapping[str, User], gids: Mapping[str, int]) -> None:
    """A home a person, 0700 and theirs; what it holds follows a changed uid."""
    for name, user in users.items():
        uid, gid = (user.uid, gids[user.primary_group]) if machine.unix else _myself()
        for folder in (machine.homes / name, machine.run / name):
            give(ensure_folder(folder, 0o700), uid, gid)


def ensure_shared(machine: Machine, gids: Mapping[str, int]) -> None:
    """A folder a group, 2770, so that what one member makes, all can change."""
    for name, gid in gids.items():
        folder = machine.shared / name
        if machine.unix:
            folder.mkdir(mode=0o700, exist_ok=True)
            give(folder, None, gid)
            folder.chmod(0o2770)
        else:
            ensure_folder(folder, 0o700)


def close(folders: Sequence[Path]) -> None:
    """Keep the files of who was removed from whoever is given their number next."""
    for folder in folders:
        if folder.is_dir() and not folder.is_symlink():
            os.chown(folder, *_myself())
            folder.chmod(0o700)


def _myself() -> tuple[int, int]:
    return os.geteuid(), os.getegid()


def give(folder: Path, uid: int | None, gid: int) -> None:
    """Hand a folder over with all that is in it, never through a link; None keeps the owners.

    A file that other folders hold as well stays as it is: it could be anybody's.
    """
    top = folder.lstat()
    if top.st_gid == gid and uid in (None, top.st_uid):
        return
    owner = -1 if uid is None else uid
    for _, folders, files, descriptor in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            entry = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if stat.S_ISDIR(entry.st_mode) or entry.st_nlink == 1:
                os.chown(name, owner, gid, dir_fd=descriptor, follow_symlinks=False)
    os.chown(folder, owner, gid, follow_symlinks=False)
