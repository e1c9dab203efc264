"""One Terraform module on disk, and the commands that are run in it."""

from __future__ import annotations

import getpass
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from qhub.errors import EngineError, Interrupted, StateLocked
from qhub.terraform.engine import Engine
from qhub.terraform.events import Event, parse
from qhub.terraform.lock import began_and_died, begin, met, presence, was_kept_out

POLL_SECONDS = 0.03
"""How often output is looked for; small beside the 100 ms that Terraform takes to start."""

PATIENCE_SECONDS = 120
"""How long a Terraform whose qhub died may take to finish what it was doing."""

_ONE_AT_A_TIME = threading.Lock()
"""Terraform's cache of providers can't be filled by two at a time."""

Listener = Callable[[Event], None]


def _ignore(event: Event) -> None:
    del event


@dataclass
class Module:
    """A folder of HCL with a state of its own.

    Args:
        engine: What runs it.
        folder: Holds the `.tf` files.
        data: Terraform's own folder (`TF_DATA_DIR`): outside of `folder`, which may be committed.
        state: File of the local backend; None leaves the module's own backend as it is.
        variables: Given as `TF_VAR_…` environment variables, so never in files or arguments.
        stop: Once set, a running command is asked to finish its current operation.
    """

    engine: Engine
    folder: Path
    data: Path
    state: Path | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    parallelism: int | None = None

    def init(self, listener: Listener = _ignore) -> None:
        """Prepare the folder; skipped where nothing that `init` looks at has changed.

        Raises:
            StateLocked: It would begin a state, and another Terraform is at that.
        """
        stamp = self.data / "qhub-init"
        if stamp.is_file() and stamp.read_text() == self._init_fingerprint():
            return
        backend = {"path": str(self.state)} if self.state else None
        self._plugins.mkdir(parents=True, exist_ok=True)
        with _ONE_AT_A_TIME:
            self._change("init", listener, input=False, backend_config=backend, reconfigure=_flag())
        stamp.write_text(self._init_fingerprint())  # with the lock file, which `init` wrote

    @property
    def _plugins(self) -> Path:
        """Where all modules of a deployment keep their providers."""
        return self.data.parent / "plugins"

    def plan(
        self,
        listener: Listener,
        *,
        replace: Sequence[str] = (),
        destroy: bool = False,
        lock: bool = True,
    ) -> bool:
        """Show what an apply would do; True when it would change something."""
        options = {"replace": list(replace), "destroy": _flag() if destroy else None, "lock": lock}
        code = self._run(
            "plan", listener, json=_flag(), detailed_exitcode=_flag(), **self._shared(), **options
        )
        if code == 2:
            return True
        self._check(code)
        return False

    def apply(
        self, listener: Listener, *, replace: Sequence[str] = (), patience: int = PATIENCE_SECONDS
    ) -> None:
        """Make it so. Resources in `replace` are made anew, whatever their state says.

        Raises:
            StateLocked: Another Terraform had the state for longer than `patience`.
        """
        options = {"replace": list(replace), "json": _flag(), "auto_approve": _flag()}
        self._change("apply", listener, **self._shared(patience), **options)

    def destroy(
        self, listener: Listener, *, refresh: bool = True, patience: int = PATIENCE_SECONDS
    ) -> None:
        """Take everything in the state away; raises as `apply`.

        Without `refresh` by the state alone: the module is not evaluated, which can't be where what
        its variables tell of is gone.
        """
        options = {"json": _flag(), "auto_approve": _flag(), "refresh": refresh}
        self._change("destroy", listener, **self._shared(patience), **options)

    def adopt(self, found: Mapping[str, str]) -> None:
        """Have the next apply take into the state what is there already.

        `terraform import` would have to know beforehand all that depends on it.

        Args:
            found: What the provider knows each by, by its address; nothing ends it.
        """
        file = self.folder / "adopted.tf"
        blocks = [
            f"import {{\n  to = {to}\n  id = {json.dumps(i)}\n}}\n" for to, i in found.items()
        ]
        if blocks:
            file.write_text("\n".join(blocks), encoding="utf-8")
        else:
            file.unlink(missing_ok=True)

    def unlock(self, lock: StateLocked, listener: Listener) -> None:
        """Take away the lock of a Terraform that died."""
        self._check(self._run("force-unlock", listener, lock.identity, force=_flag()))

    def left(self, lock: StateLocked) -> bool:
        """Whether a lock is surely that of a Terraform which began in this folder and died."""
        here = f"{getpass.getuser()}@{socket.gethostname()}"
        return lock.who == here and began_and_died(self._presence, lock.since)

    def output(self) -> dict[str, Any]:
        """The outputs of the last apply, sensitive ones included; empty when there are none."""
        code, text = self._ask("output", json=_flag())
        self._check(code)
        return {name: entry["value"] for name, entry in json.loads(text).items()}

    def resources(self) -> list[str]:
        """Addresses of everything in the state."""
        code, text = self._ask("state list")
        # An absent state is an error to Terraform and an empty list to us.
        return text.splitlines() if code == 0 else []

    def pull(self) -> dict[str, Any]:
        """The state, wherever it is kept; empty when there is none."""
        code, text = self._ask("state pull")
        self._check(code)
        return dict(json.loads(text)) if text.strip() else {}

    def _ask(self, command: str, **options: Any) -> tuple[int, str]:
        lines: list[str] = []

        def keep(event: Event) -> None:
            if event.kind != "stderr":
                lines.append(event.message)

        return self._run(command, keep, **options), "\n".join(lines)

    def _shared(self, patience: int = PATIENCE_SECONDS) -> dict[str, Any]:
        # Another process that is just finishing its last operation (after a kill -9 of ours, say)
        # holds the state's lock; waiting for it is right.
        return {"input": False, "lock_timeout": f"{patience}s", "parallelism": self.parallelism}

    @property
    def _presence(self) -> Path:
        """Held by each Terraform that runs here."""
        return self.data / "presence"

    def _change(self, command: str, listener: Listener, **options: Any) -> None:
        """Run a command that locks the state."""
        said: list[str] = []

        def listen(event: Event) -> None:
            if event.is_error or event.kind == "stderr":
                said.append(f"{event.message}\n{event.detail}")
            listener(event)

        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        before = begin(self._presence)
        code = self._run(command, listen, **options)
        lock = met("\n".join(said)) if code != 0 else None
        if lock:
            was_kept_out(self._presence, before)
            raise lock
        self._check(code)

    def _run(self, command: str, listener: Listener, *arguments: str, **options: Any) -> int:
        """Run one command, feed its output to `listener` line by line, return the exit code.

        Output goes through a file, not a pipe: if this process dies, Terraform must not die of a
        broken pipe before it has saved its state.
        """
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        output = self.data / f"output-{os.getpid()}-{threading.get_ident()}"
        errors = output.with_suffix(".err")
        try:
            with (
                output.open("w") as stream,
                output.open() as reader,
                errors.open("w+") as complaints,
            ):
                process = self._start([command, *arguments], (stream, complaints), options)
                for line in self._follow(process, reader):
                    listener(parse(line))
                complaints.seek(0)
                for line in complaints:
                    listener(Event("stderr", line.rstrip()))
        finally:
            output.unlink(missing_ok=True)
            errors.unlink(missing_ok=True)
        if self.stop.is_set() and process.returncode != 0:
            raise Interrupted("interrupted")
        return process.returncode

    def _start(
        self, words: Sequence[str], streams: tuple[TextIO, TextIO], options: dict[str, Any]
    ) -> subprocess.Popen[bytes]:
        from python_terraform import Terraform

        builder = Terraform(working_dir=str(self.folder), terraform_bin_path="terraform")
        options = {name: value for name, value in options.items() if value is not None}
        arguments = builder.generate_cmd_string(*words, no_color=_flag(), **options)[1:]
        if words[0].startswith("state "):  # takes no -no-color
            arguments.remove("-no-color")
        try:
            with presence(self._presence) as held:
                return subprocess.Popen(
                    [*self.engine.command, *arguments],
                    cwd=self.folder,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=streams[0],
                    stderr=streams[1],
                    pass_fds=[held],
                    # Its own session, so that Ctrl-C reaches it only through us, exactly once.
                    start_new_session=True,
                )
        except OSError as error:
            raise EngineError(f"{self.engine.command[0]}: {error.strerror}") from error

    def _follow(self, process: subprocess.Popen[bytes], reader: TextIO) -> Iterator[str]:
        asked_to_stop, partial = False, ""
        while True:
            running = process.poll() is None
            for line in reader:
                partial += line
                if partial.endswith("\n"):
                    yield partial[:-1]
                    partial = ""
            if not running:
                break
            if self.stop.is_set() and not asked_to_stop:
                process.send_signal(signal.SIGINT)
                asked_to_stop = True
            time.sleep(POLL_SECONDS)
        if partial:
            yield partial

    def _environment(self) -> dict[str, str]:
        given = {f"TF_VAR_{name}": _hcl(value) for name, value in self.variables.items()}
        own_programs = str(Path(sys.executable).parent)
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith(("TF_CLI_ARGS", "TF_LOG"))},
            "PATH": f"{own_programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "TF_DATA_DIR": str(self.data),
            "TF_PLUGIN_CACHE_DIR": str(self._plugins),
            "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1",
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            **given,
            **self.environment,
        }

    def _init_fingerprint(self) -> str:
        import hashlib

        lock = self.folder / ".terraform.lock.hcl"
        chosen = lock.read_text(encoding="utf-8") if lock.is_file() else ""
        digest = hashlib.sha256(f"{self.engine} {self.state} {chosen}".encode())
        for path in sorted(self.folder.glob("*.tf*")):
            if path.name != "terraform.tfvars.json":
                digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()

    def _check(self, code: int) -> None:
        if code != 0:
            raise EngineError(f"{self.engine.product} ended with exit code {code}")


def _hcl(value: object) -> str:
    """A value as `TF_VAR_…` takes it: text as it is, anything else as an HCL expression."""
    if isinstance(value, str):
        return value
    # JSON is HCL but for template markers, which HCL would evaluate.
    return json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def _flag() -> type:
    """python-terraform's mark for an option without a value."""
    from python_terraform import IsFlagged

    return IsFlagged  # type: ignore[no-any-return]
