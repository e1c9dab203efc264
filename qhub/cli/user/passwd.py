"""`qhub user passwd`."""

from typing import Annotated

import typer

from qhub.cli.options import DEFAULT_CONFIG, ConfigOption, FolderOption
from qhub.cli.user.password import GenerateOption, PasswordFileOption, StdinOption
from qhub.cli.user.then import DeployOption


def passwd(
    name: Annotated[str, typer.Argument(help="Login name.")],
    config: ConfigOption = DEFAULT_CONFIG,
    folder: FolderOption = None,
    password_stdin: StdinOption = False,
    generate: GenerateOption = False,
    password_file: PasswordFileOption = None,
    deploy: DeployOption = False,
) -> None:
    """Give somebody another password, where the configuration has it; holds from the next deploy.

    That is the hash in the file, or the file that `password: {file: PATH}` names.
    """
    from qhub.cli.console import say
    from qhub.cli.user import then
    from qhub.cli.user.password import choose
    from qhub.config import users
    from qhub.config.files import write_secret

    with users.draft(config) as draft:
        elsewhere = users.password_file(draft, name)
        password = choose(stdin=password_stdin, generate=generate, file=password_file)
        if elsewhere is None:
            users.set_password(draft, name, password.hash)
    if elsewhere is not None:
        write_secret(elsewhere, password.text)
    if password.file:
        write_secret(password.file, password.text)
    if elsewhere is None:
        password.tell()
    else:
        password.tell(f"also in {elsewhere}")
    say(f"set another password of {name} in {elsewhere or config}")
    then.deploy_or_say(config, folder, now=deploy)
