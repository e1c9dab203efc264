"""What somebody may do in a folder, tried by a process of theirs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from qhub.hub.account import Account
from tests.local.deployment import Deployment

OPERATIONS = ("list", "read", "create", "write", "delete", "rename", "chmod")
EVERYTHING = " ".join(OPERATIONS)
READING = "list read"
SHARING = "list read create write delete rename"  # chmod is for who made a file
NOTHING = ""

MAKE = """
for name in {operations!r}:
    with open(os.path.join({folder!r}, "of-" + name), "w") as file:
        file.write("before")
"""
TRY = """
def path(name): return os.path.join({folder!r}, "of-" + name)
def read(): assert open(path("read")).read() == "before"
def create(): open(path("created"), "x").close()
def write():
    with open(path("write"), "a") as file: file.write(" and after")
tries = dict(
    list=lambda: os.listdir({folder!r}),
    read=read, create=create, write=write,
    delete=lambda: os.unlink(path("delete")),
    rename=lambda: os.rename(path("rename"), path("renamed")),
    chmod=lambda: os.chmod(path("chmod"), 0o777),
)
done = []
for name, attempt in tries.items():
    try: attempt()
    except {refused}: continue
    done.append(name)
print(json.dumps(done))
"""


def account(hub: Deployment, name: str) -> Account:
    """Somebody's account, from the settings that the hub reads."""
    return Account.of(name, json.loads((hub.machine.private / "settings.json").read_text()))


def as_person(hub: Deployment, name: str, code: str) -> str:
    """Run Python code as a server of theirs would, or as who deployed for `root`."""
    python = hub.machine.interpreter("user")
    command = [str(python), "-I", "-S", "-c", f"import json, os\n{code}"]
    prepare: Callable[[], None] | None = None
    if name != "root":
        command = account(hub, name).command(command)
        prepare = account(hub, name).prepare(None, {})
    return subprocess.run(
        command,
        env={},
        user=hub.runner.user,
        group=hub.runner.user,
        extra_groups=None if hub.runner.user is None else [],
        preexec_fn=prepare,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
    ).stdout


def allowed(hub: Deployment, folder: str, owner: str, who: str) -> set[str]:
    """What somebody may do with the files that another made in a folder of the deployment."""
    path = str(hub.machine.directory / folder)
    if not Path(path).is_dir():
        as_person(hub, owner, f"os.mkdir({path!r})")
    as_person(hub, owner, MAKE.format(operations=OPERATIONS, folder=path))
    # To who is in a sandbox, what is hidden isn't there.
    refused = "OSError" if account(hub, who).sandbox else "PermissionError"
    try:
        return {*json.loads(as_person(hub, who, TRY.format(folder=path, refused=refused)))}
    finally:
        for name in ("created", "renamed", *OPERATIONS):
            Path(path, f"of-{name}").unlink(missing_ok=True)
