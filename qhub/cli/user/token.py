"""`qhub user token`."""

import re
from typing import Annotated

import typer

from qhub.cli.options import DEFAULT_CONFIG, ConfigOption, FolderOption, folder_of

_DURATION = re.compile(r"(\d{1,6})([mhdwy])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_LONGEST = 100 * _SECONDS["y"]


def token(
    name: Annotated[str, typer.Argument(help="Whose token.")],
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    expires: Annotated[
        str, typer.Option("--expires", metavar="TIME", help="30m, 12h, 30d, 8w, 1y, or `never`.")
    ] = "90d",
    note: Annotated[
        str, typer.Option("--note", help="Shown beside the token on the hub's token page.")
    ] = "made by qhub user token",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            help="What it may do, in JupyterHub's terms; may be repeated. "
            "Default: all that the person may.",
        ),
    ] = None,
) -> None:
    """Print a token of somebody's for the hub's API and SSH; needs a hub that runs.

    It does all that its owner can: keep it like a password.
    """
    from qhub.cli.console import say
    from qhub.config import load

    seconds, loaded = lifetime(expires), load(config)
    deployment = folder_of(config, folder)
    if loaded.provider == "local":
        from qhub.local import tokens
        from qhub.stages.infrastructure import FACTS

        known = loaded.security.users
        made = tokens.issue(
            deployment / FACTS, name, known, seconds=seconds, note=note, scopes=scope
        )
    else:
        from qhub.runner.folder import Folder
        from qhub.runner.tokens import issue

        made = issue(loaded, Folder(deployment), name, seconds=seconds, note=note, scopes=scope)
    typer.echo(made)
    until = f"for {expires}" if seconds else "until it is revoked"
    say(f"valid {until}; {name} can revoke it on the hub's page /hub/token")


def lifetime(text: str) -> int | None:
    """Seconds of `30d` and the like; None for `never`.

    Raises:
        UsageError: It is nothing of the sort.
    """
    from qhub.errors import UsageError

    if text == "never":
        return None
    match = _DURATION.fullmatch(text)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 0 < seconds <= _LONGEST:
        raise UsageError(
            f"--expires can't be `{text}`",
            "a number and m, h, d, w or y, up to 100y: 30d; or `never`",
        )
    return seconds
