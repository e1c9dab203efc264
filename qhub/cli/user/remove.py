"""`qhub user remove`."""

from typing import Annotated

import typer

from qhub.cli.options import DEFAULT_CONFIG, ConfigOption, FolderOption
from qhub.cli.user.then import DeployOption


def remove(
    name: Annotated[str, typer.Argument(help="Login name.")],
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    deploy: DeployOption = False,
) -> None:
    """Take somebody out of the configuration file; their files stay where they are."""
    from qhub.cli.console import say
    from qhub.cli.user import then
    from qhub.config import load, users

    with users.draft(config) as draft:
        users.drop(draft, name)
    say(f"removed {name} from {config}")
    say("the next deploy ends their server, tokens and account; their home stays, closed to others")
    left = load(config)
    if not any(left.is_admin(other) for other in left.security.users):
        say("note: nobody administers the hub any more (members of the group `admin` do)")
    then.deploy_or_say(config, folder, now=deploy)
