"""`qhub init`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qhub.cli.options import DEFAULT_CONFIG, Format, FormatOption

if TYPE_CHECKING:
    from qhub.config.scaffold import Answers
    from qhub.config.start import Start

_Text = str | None


def init(
    provider: Annotated[
        str, typer.Argument(help="local, existing, aws, gcp, azure or do.")
    ] = "local",
    config: Annotated[
        Path, typer.Option("-c", "--config", metavar="FILE", help="The file to write.")
    ] = DEFAULT_CONFIG,
    project: Annotated[_Text, typer.Option("--project", help="Name of the project.")] = None,
    namespace: Annotated[_Text, typer.Option("--namespace", help="Default: dev.")] = None,
    domain: Annotated[_Text, typer.Option("--domain", help="For example hub.example.org.")] = None,
    region: Annotated[_Text, typer.Option("--region", help="Region of the cloud.")] = None,
    kubernetes_version: Annotated[
        _Text, typer.Option("--kubernetes-version", help="Default: the cloud's own.")
    ] = None,
    kube_context: Annotated[
        _Text, typer.Option("--kube-context", help="existing: context of the kubeconfig.")
    ] = None,
    cloud_project: Annotated[
        _Text, typer.Option("--cloud-project", help="gcp: ID of the Google Cloud project.")
    ] = None,
    admin: Annotated[_Text, typer.Option("--admin", help="Login name.  [default: admin]")] = None,
    auth: Annotated[
        _Text, typer.Option("--auth", help="password, GitHub or Auth0.  [default: password]")
    ] = None,
    certificate: Annotated[
        _Text,
        typer.Option("--certificate", help="disabled, self-signed or lets-encrypt."),
    ] = None,
    acme_email: Annotated[
        _Text, typer.Option("--acme-email", help="E-mail for lets-encrypt; implies it.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="local: port.  [default: a free one from 8000]")
    ] = None,
    address: Annotated[
        _Text, typer.Option("--address", help="local: IP address.  [default: 127.0.0.1]")
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option("--password-file", metavar="PATH", help="Also write the password there."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the file instead of writing it.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask; take defaults.")] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Write a configuration to start from, with an administrator whose password is shown once."""
    from qhub.config.start import known_provider, refuse_existing, start, write

    known_provider(provider)
    if not dry_run and not force:
        refuse_existing(config)
    given: dict[str, Any] = {
        "project": project,
        "namespace": namespace,
        "domain": domain,
        "region": region,
        "kubernetes_version": kubernetes_version,
        "kube_context": kube_context,
        "cloud_project": cloud_project,
        "admin": admin,
        "auth": auth,
        "certificate": certificate,
        "acme_email": acme_email,
        "port": port,
        "address": address,
    }
    made = start(_answers(provider, given, ask=not yes and output is not Format.JSON))
    if dry_run:
        typer.echo(made.text, nl=False)
        _show_password(made, err=True)
        return
    write(made, config, password_file)
    if output is Format.JSON:
        data = {"path": str(config), "user": made.answers.admin, "password": made.password}
        typer.echo(json.dumps(data))
    else:
        _show(made, config)


def _answers(provider: str, given: dict[str, Any], *, ask: bool) -> "Answers":
    """What the flags say; a person who gave none of them is asked."""
    from qhub.cli.console import is_terminal
    from qhub.config.scaffold import DEFAULT_REGIONS, Answers
    from qhub.config.start import needed

    told = {name: value for name, value in given.items() if value is not None}
    if ask and not told and is_terminal():
        told["project"] = typer.prompt("Project name", default=Answers.project, err=True)
        for name in needed(provider):
            told[name] = typer.prompt(_QUESTIONS[name], err=True)
        if provider in DEFAULT_REGIONS:
            told["region"] = typer.prompt("Region", default=DEFAULT_REGIONS[provider], err=True)
        told["admin"] = typer.prompt("Name of the administrator", default=Answers.admin, err=True)
    return Answers(provider=provider, **told)


_QUESTIONS = {
    "domain": "Domain, such as hub.example.org",
    "cloud_project": "ID of the Google Cloud project",
}


def _show(made: "Start", config: Path) -> None:
    from qhub.cli.console import say

    for notice in made.notices:
        say(f"note: {notice}")
    say(f"wrote {config}")
    _show_password(made)
    option = "" if config == DEFAULT_CONFIG else f" -c {config}"
    say(f"next: qhub deploy{option}")


def _show_password(made: "Start", err: bool = False) -> None:
    if made.password:
        typer.echo(f"user: {made.answers.admin}", err=err)
        note = "(shown only now; the file holds its hash)"
        typer.echo(f"password: {made.password}   {note}", err=err)
