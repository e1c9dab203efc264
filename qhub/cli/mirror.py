"""`qhub mirror …`: the parts of a deployment, for where there is no internet."""

import json
from pathlib import Path
from typing import Annotated

import typer

from qhub.cli.options import DEFAULT_CONFIG, ConfigOption, Format, FormatOption

mirror = typer.Typer(
    help="Bring the parts of a deployment to where there is no internet.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@mirror.callback()
def _mirror() -> None:
    """Keeps `pull` a command of its own, though it is the only one."""


@mirror.command()
def pull(
    folder: Annotated[
        Path, typer.Argument(help="Gets providers, charts and a list of images.")
    ] = Path("mirror"),
    config: ConfigOption = DEFAULT_CONFIG,
    images: Annotated[
        bool,
        typer.Option(
            "--images", help="Copy the images too, to mirror.images, by skopeo or crane on PATH."
        ),
    ] = False,
    platform: Annotated[
        list[str] | None,
        typer.Option(
            "--platform",
            metavar="OS_ARCH",
            help="Machine that will deploy, linux_amd64 say; may be repeated.  [default: this one]",
        ),
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Fill a folder with the Terraform providers and charts that the configuration needs.

    May be repeated: what is there is left alone. Images are listed in images.txt, each with its
    name in the mirror's registry; copy-images.sh copies them where there is skopeo or crane.
    """
    from qhub.cli.progress import shown
    from qhub.config import load
    from qhub.runner import pull as runner
    from qhub.terraform.providers import this_platform

    loaded = load(config)
    with shown(output) as report:
        done = runner.pull(loaded, folder, platform or [this_platform()], report, copy=images)
    if output is Format.JSON:
        result = {"folder": str(done.folder), "mirror": done.settings, "images": done.images}
        typer.echo(json.dumps({"type": "result", **result}))
        return
    typer.echo("mirror:")
    for key, value in done.settings.items():
        typer.echo(f"  {key}: {json.dumps(value)}")
    registry = loaded.mirror.images
    typer.echo(f"  images: {json.dumps(registry)}" if registry else "  #images: REGISTRY/PREFIX")
