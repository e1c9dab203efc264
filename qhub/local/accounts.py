"""Unix users and groups for people, where each is a Unix user of their own.

A user `qhub-NAME` bears `qhub FOLDER` as its comment, where FOLDER is the deployment's; a group
`qhub-GROUP` is written down in `private/groups.json` before it is made. What doesn't bear that
sign was made by somebody else and is never touched.

A machine can hold several deployments, staging beside production. The same name with the same
number is then the same person or group: the comment lists every folder, `qhub FOLDER|FOLDER`, and
the account goes with the last of them. The same name with another number is refused.
"""

from __future__ import annotations

import contextlib
import grp
import hashlib
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
from qhub.local import owned, system
from qhub.local.facts import Machine
from qhub.local.files import ensure_folder, write_private
from qhub.local.settings import HubSettings, User

PREFIX = "qhub-"
NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,26}")
"""What useradd takes everywhere, 32 characters with the prefix."""


def account(name: str) -> str:
    """The Unix name of a person or group."""
    return f"{PREFIX}{name}"


_SIGN = "qhub /"


def holders(entry: pwd.struct_passwd) -> list[str]:
    """Folders of the deployments that an account belongs to; empty when qhub didn't make it."""
    named = entry.pw_name.startswith(PREFIX) and entry.pw_gecos.startswith(_SIGN)
    return entry.pw_gecos.removeprefix("qhub ").split("|") if named else []


def _comment(folders: Sequence[str]) -> str:
    return "qhub " + "|".join(folders)


def _others(machine: Machine, entry: pwd.struct_passwd) -> list[str]:
    return [folder for folder in holders(entry) if folder != str(machine.directory)]


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
    return {
        entry.pw_name.removeprefix(PREFIX): entry
        for entry in pwd.getpwall()
        if str(machine.directory) in holders(entry)
    }


def processes_of(machine: Machine, name: str) -> Iterator[system.Process]:
    """What runs as a person's Unix user, but for what is of another deployment."""
    entry = our_users(machine).get(name)
    if entry is None:
        return
    others = _others(machine, entry)
    for process in system.of_user(entry.pw_uid):
        if system.environment(process).get(owned.VARIABLE) not in others:
            yield process


def our_groups(machine: Machine) -> dict[str, int]:
    """The groups that this deployment made or was about to make, with their gids."""
    return _groups_in(_groups_file(machine))


def _groups_in(file: Path) -> dict[str, int]:
    try:
        known: dict[str, int] = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return known


def _groups_file(machine: Machine) -> Path:
    return machine.private / "groups.json"


def _groups_of_others(machine: Machine) -> dict[str, int]:
    """The groups of the other deployments on this machine."""
    folders = {folder for entry in pwd.getpwall() for folder in _others(machine, entry)}
    found: dict[str, int] = {}
    for folder in sorted(folders):
        found |= _groups_in(Path(folder) / "private" / "groups.json")
    return found


def _problems(settings: HubSettings, machine: Machine) -> Iterator[str]:
    ours, groups, shared = our_users(machine), our_groups(machine), _groups_of_others(machine)
    by_uid = {entry.pw_uid: entry for entry in pwd.getpwall()}
    by_gid = {entry.gr_gid: entry.gr_name for entry in grp.getgrall()}
    for kind, names in (("user", settings.users), ("group", settings.groups)):
        for name in names:
            if not NAME.fullmatch(name):
                yield f"{kind} {name} can't be a Unix {kind} (a-z, 0-9, _ . -, 27 characters)"
    for name, user in settings.users.items():
        entry, holder = user_entry(name), by_uid.get(user.uid)
        if entry and _others(machine, entry):
            if entry.pw_uid != user.uid:
                yield f"the Unix user {account(name)} has uid {entry.pw_uid} and is {_whose(entry)}"
        elif entry and name not in ours:
            yield f"the Unix user {account(name)} is {_whose(entry)}"
        elif holder and holder.pw_name.removeprefix(PREFIX) not in ours:
            yield f"the uid {user.uid} of {name} is that of {holder.pw_name}, {_whose(holder)}"
    for name, group in settings.groups.items():
        found, taken_by = group_entry(name), by_gid.get(group.gid)
        if name in shared:
            if shared[name] != group.gid:
                yield f"the group {name} has gid {shared[name]} in another deployment"
        elif found and name not in groups:
            yield f"the Unix group {account(name)} was made by somebody else"
        elif taken_by and taken_by.removeprefix(PREFIX) not in groups:
            yield f"the gid {group.gid} of the group {name} is that of {taken_by}"


def _whose(entry: pwd.struct_passwd) -> str:
    folders = holders(entry)
    return f"of the deployment in {' and '.join(folders)}" if folders else "not made by qhub"


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
    flags = ["--uid", str(user.uid), "--gid", str(gid), "--shell", "/bin/bash"]
    flags += ["--groups", ",".join(map(account, secondary))]
    if entry is None:
        flags += ["--home", home, "--no-create-home", "--no-user-group", "--no-log-init"]
        flags += ["-K", "SUB_UID_COUNT=0", "-K", "SUB_GID_COUNT=0"]
        _run("useradd", *flags, "--comment", _comment([str(machine.directory)]), account(name))
        return True
    if _others(machine, entry):
        return _join_user(machine, name, entry, [user.primary_group, *secondary])
    if name not in our_users(machine):
        raise LocalError(f"the Unix user {account(name)} is {_whose(entry)}")
    if entry.pw_dir != home:
        _rehome(name, home)
    same = (entry.pw_uid, entry.pw_gid) == (user.uid, gid)
    if same and {*_secondary(account(name), gid)} == {*map(account, secondary)}:
        return False
    _run("usermod", *flags, account(name))
    return True


def _join_user(
    machine: Machine, name: str, entry: pwd.struct_passwd, groups: Sequence[str]
) -> bool:
    """Share an account with other deployments: its home and primary group stay theirs."""
    missing = {*map(account, groups)} - {
        grp.getgrgid(gid).gr_name for gid in os.getgrouplist(account(name), entry.pw_gid)
    }
    folders = sorted({*holders(entry), str(machine.directory)})
    if not missing and folders == sorted(holders(entry)):
        return False
    add = ["--append", "--groups", ",".join(sorted(missing))] if missing else []
    _run("usermod", *add, "--comment", _comment(folders), account(name))
    return True


def _leave_user(machine: Machine, name: str, entry: pwd.struct_passwd) -> None:
    """Leave a shared account to the other deployments, with a home in the first of them."""
    others = _others(machine, entry)
    _run("usermod", "--comment", _comment(others), account(name))
    _rehome(name, str(Path(others[0]) / "homes" / name))


def _rehome(name: str, home: str) -> None:
    """Change the home that the system knows; servers have their own, so it can wait."""
    with contextlib.suppress(LocalError):  # refused while something runs as the user
        _run("usermod", "--home", home, account(name))


def _secondary(unix_name: str, primary: int) -> list[str]:
    gids = set(os.getgrouplist(unix_name, primary)) - {primary}
    return [grp.getgrgid(gid).gr_name for gid in gids]


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        reason = said[-1] if said else f"exit code {done.returncode}"
        raise LocalError(f"{command[0]} failed for {command[-1]}: {reason}")


def remove(machine: Machine, users: Sequence[str], groups: Sequence[str]) -> None:
    """Remove accounts of ours with all their processes, then groups of ours. Files stay."""
    ours = our_users(machine)
    for name in users:
        if name in ours:
            system.end(partial(processes_of, machine, name))
            if _others(machine, ours[name]):
                _leave_user(machine, name, ours[name])
            else:
                _run("userdel", account(name))
    known, shared = our_groups(machine), _groups_of_others(machine)
    for name in groups:
        if name in known:
            if group_entry(name) and name not in shared:
                _run("groupdel", account(name))
            del known[name]
    if machine.private.is_dir():
        write_private(_groups_file(machine), json.dumps(known, indent=1) + "\n")


def service_account(machine: Machine, name: str) -> str:
    """The Unix user of a service of this deployment's; nobody's name begins with a dash."""
    place = hashlib.sha256(os.fsencode(machine.directory)).hexdigest()[:8]
    return f"{PREFIX}-{name}-{place}"


def ensure_service(machine: Machine, name: str) -> tuple[int, int]:
    """Have a Unix user for a service that shall not be root; returns uid and gid.

    Raises:
        LocalError: it can't be made.
    """
    unix_name = service_account(machine, name)
    try:
        entry = pwd.getpwnam(unix_name)
    except KeyError:
        flags = ["--system", "--user-group", "--no-create-home", "--no-log-init"]
        flags += ["--home-dir", str(machine.directory), "--shell", "/usr/sbin/nologin"]
        _run("useradd", *flags, "--comment", f"{name} of {machine.directory}", unix_name)
        entry = pwd.getpwnam(unix_name)
    return entry.pw_uid, entry.pw_gid


def remove_service(machine: Machine, name: str) -> None:
    """Remove the Unix user of a service with all its processes. Fine when there is none."""
    if os.geteuid() != 0:
        return
    try:
        entry = pwd.getpwnam(service_account(machine, name))
    except KeyError:
        return
    system.end(partial(system.of_user, entry.pw_uid))
    _run("userdel", entry.pw_name)


def remove_all(machine: Machine) -> None:
    """Remove every account and group of ours, also those of a time with Unix users; root only."""
    if os.geteuid() == 0:
        remove(machine, [*our_users(machine)], [*our_groups(machine)])


def ensure_homes(machine: Machine, users: Mapping[str, User], gids: Mapping[str, int]) -> None:
    """A home a person, 0700 and theirs; what it holds follows a changed uid."""
    for name, user in users.items():
        uid, gid = (user.uid, gids[user.primary_group]) if machine.unix else _myself()
        for folder in (machine.homes / name, machine.run / name):
            give(ensure_folder(folder, 0o700), uid, gid)
        if machine.isolation == "bwrap":
            ensure_folder(machine.run / name / "tmp", 0o700)


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
