"""Bring accounts, folders and what the hub knows of people in line with the settings.

Who was removed loses server, tokens, sessions and account, and keeps the files; everybody else's
server goes on, but for those whose processes would keep a number or a group they no longer have.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial

from qhub.errors import LocalError
from qhub.hub import shares
from qhub.local import accounts, owned, sandbox, shared, system
from qhub.local.facts import Machine
from qhub.local.hubapi import HubApi
from qhub.local.settings import HubSettings


class People:
    """Two steps around the restart of the hub: `prepare` before it, `clean_up` after it."""

    def __init__(self, machine: Machine, settings: HubSettings, say: Callable[[str], None]) -> None:
        self._machine, self._settings, self._say = machine, settings, say
        self._gids = {name: group.gid for name, group in settings.groups.items()}
        self._api = HubApi(machine)

    def prepare(self) -> None:
        """Have accounts and folders ready; numbers of removed people are free for others."""
        machine, settings = self._machine, self._settings
        self._end_servers()
        if not machine.unix:
            accounts.remove_all(machine)
        else:
            self._remove_accounts()
            accounts.apply(machine, settings, self._say)
        accounts.ensure_homes(machine, settings.users, self._gids)
        shared.ensure(machine, settings, self._say)

    def clean_up(self) -> None:
        """Make the hub forget who was removed, and end what was started in the meantime."""
        for user in self._api.users():
            if user["name"] not in self._settings.users:
                self._say(f"removing {user['name']}; the files stay")
                self._api.delete_user(user["name"])
        self._end_servers()
        if self._machine.unix:
            self._remove_accounts()

    def _end_servers(self) -> None:
        for name, reason in self._to_end().items():
            self._say(f"ending the server of {name}, who {reason}")
            with contextlib.suppress(OSError):  # the hub may be down; then the process has to do
                self._api.stop_server(name)
            system.end(partial(self._processes_of, name))

    def _to_end(self) -> dict[str, str]:
        """People with something running that must not go on, with the reason."""
        found: dict[str, str] = {}
        for name, process in owned.servers(self._machine):
            if name not in self._settings.users:
                found[name] = "was removed"
            elif (reason := self._outdated(name, process.pid)) is not None:
                found[name] = reason
        return found

    def _outdated(self, name: str, pid: int) -> str | None:
        """Why a process of somebody may not go on; None when it may, or is gone."""
        now = system.identity_of(pid)
        if now is None:
            return None
        user = self._settings.users[name]
        if now.uid != (user.uid if self._machine.unix else os.geteuid()):
            return "has another number"
        if self._settings.authentication.config.get("groups_claim"):
            return None  # the hub alone knows all groups of who logged in
        if self._machine.isolation == "bwrap":
            return self._outside(name, pid)
        if not self._machine.unix:
            return None
        ours = {*self._gids.values(), *accounts.our_groups(self._machine).values()}
        lost = (now.groups & ours) - {self._gids[group] for group in user.groups}
        return "left a group" if lost else None

    def _outside(self, name: str, pid: int) -> str | None:
        """Why a process is not in the sandbox that it is to be in; those inside are not asked."""
        if system.is_contained(pid):
            return None
        settings = self._settings
        groups = {group: found.model_dump() for group, found in settings.groups.items()}
        may = shares.open_to(settings.users[name].groups, groups)
        folders = {self._machine.shared / group: writes for group, writes in may.items()}
        return sandbox.outdated(system.command(pid), self._machine.shared, folders)

    def _processes_of(self, name: str) -> Iterator[system.Process]:
        """All that runs for a person: in their server, and as their Unix user."""
        yield from (process for owner, process in owned.servers(self._machine) if owner == name)
        if self._machine.unix:
            yield from accounts.processes_of(self._machine, name)

    def _remove_accounts(self) -> None:
        machine = self._machine
        users = sorted(set(accounts.our_users(machine)) - set(self._settings.users))
        groups = sorted(set(accounts.our_groups(machine)) - set(self._settings.groups))
        accounts.remove(machine, users, [])
        with contextlib.suppress(LocalError):  # still somebody's primary group: after the restart
            accounts.remove(machine, [], groups)
        accounts.close([machine.homes / name for name in users])
        accounts.close([machine.shared / name for name in groups])
        for name in users:  # it would be open to whoever is given their number
            shutil.rmtree(machine.run / name, ignore_errors=True)
