"""`qhub user add`."""

import json
from typing import Annotated

import typer

from qhub.cli.options import DEFAULT_CONFIG, ConfigOption, FolderOption, Format, FormatOption
from qhub.cli.user.password import GenerateOption, PasswordFileOption, StdinOption
from qhub.cli.user.then import DeployOption


def add(
    name: Annotated[str, typer.Argument(help="Login name.")],
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    group: Annotated[
        list[str] | None, typer.Option("-g", "--group", help="A group; may be repeated.")
    ] = None,
    primary_group: Annotated[
        str | None, typer.Option("--primary-group", help="Default: the first --group, or `users`.")
    ] = None,
    uid: Annotated[
        int | None, typer.Option("--uid", help="Number of the Unix account. Default: the next.")
    ] = None,
    create_group: Annotated[
        bool, typer.Option("--create-group", help="Make groups that are not there.")
    ] = False,
    password_stdin: StdinOption = False,
    generate: GenerateOption = False,
    password_file: PasswordFileOption = None,
    deploy: DeployOption = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Add somebody to the configuration file; the rest of it stays as it is."""
    from qhub.cli.console import say
    from qhub.cli.user import then
    from qhub.cli.user.password import choose
    from qhub.config import users
    from qhub.config.files import write_secret

    with users.draft(config) as draft:
        new = users.NewUser(name, group or [], primary_group, uid, create_group)
        added = users.add(draft, new)
        password = None
        if draft.with_passwords or password_stdin or generate or password_file:
            password = choose(stdin=password_stdin, generate=generate, file=password_file)
            users.set_password(draft, name, password.hash)
    if password and password.file:
        write_secret(password.file, password.text)
    made = {**added, "password": password.text if password and password.is_new else None}
    if output is Format.JSON:
        typer.echo(json.dumps({"name": name, **made}))
    else:
        typer.echo(f"user: {name}")
        if password:
            password.tell()
        groups = ", ".join([added["primary_group"], *added.get("secondary_groups", [])])
        say(f"added {name} to {config}: uid {added['uid']}, groups {groups}")
    then.deploy_or_say(config, folder, now=deploy)
