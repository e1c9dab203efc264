"""`mirror pull`: bring the parts of a deployment into a folder, for where there is no internet."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import which

from pydantic import BaseModel

from qhub.config import Config
from qhub.config.services import Mirror
from qhub.errors import Interrupted, MirrorError, QhubError, UsageError
from qhub.mirror import charts
from qhub.releases.chart import Chart
from qhub.releases.images import images
from qhub.runner.folder import write
from qhub.runner.progress import Progress, Report, Status
from qhub.stages import select
from qhub.terraform import find_engine, providers

SCRIPT = Path(__file__).parent.parent / "templates" / "mirror" / "copy-images.sh"
PROVIDERS, CHARTS, IMAGES = "providers", "charts", "images.txt"


@dataclass(frozen=True)
class Parts:
    """What a deployment is made of that comes from elsewhere.

    `providers` has the versions asked for by source; `images` each image's name in the mirror's
    registry by its own one: the same name where the config names no registry, or overrides the
    image by itself.
    """

    providers: dict[str, list[str]]
    charts: list[Chart]
    images: dict[str, str]


@dataclass(frozen=True)
class Pulled:
    """What came of a run; `settings` is what `mirror` of the config has to say for it."""

    folder: Path
    settings: dict[str, str]
    images: int


def parts(config: Config) -> Parts:
    """What the deployment of a config needs, whatever mirror it names.

    Raises:
        UsageError: Nothing comes from a mirror for its provider.
    """
    stages = select(config)
    needed = providers.required(stage.templates for stage in stages)
    if not needed:
        raise UsageError(
            f"nothing of a deployment with `provider: {config.provider}` comes from a mirror",
            "its packages come from the package index that PIP_INDEX_URL names",
        )
    direct = config.model_copy(update={"mirror": Mirror.model_construct()})
    own = [stage.inputs(direct) for stage in stages]
    mirrored = [stage.inputs(config) for stage in stages]
    return Parts(
        providers=needed,
        charts=[
            value
            for inputs in own
            for value in vars(inputs).values()
            if isinstance(value, Chart) and value.repository
        ],
        images=dict(zip(_images(own), _images(mirrored), strict=True)),
    )


def _images(stages: Sequence[BaseModel]) -> Iterator[str]:
    for inputs in stages:
        yield from (str(image) for image in images(inputs.model_dump(mode="json")))


def missing(config: Config) -> list[str]:
    """What the folders that a config names as mirror lack of its deployment."""
    mirror, found = config.mirror, list[str]()
    if mirror.terraform_providers and "://" not in mirror.terraform_providers:
        place = Path(mirror.terraform_providers)
        here = [providers.this_platform()]
        for source, asked in parts(config).providers.items():
            if providers.version_there(place, source, asked, here) is None:
                found.append(f"provider {source} {', '.join(asked)} for {here[0]} in {place}")
    if mirror.charts and "://" not in mirror.charts:
        stages = select(config)
        named = [one for stage in stages for one in vars(stage.inputs(config)).values()]
        for chart in named:
            if isinstance(chart, Chart) and not Path(chart.name).exists():
                found.append(f"chart {Path(chart.name).name} in {mirror.charts}")
    return found


def pull(
    config: Config, folder: Path, platforms: Sequence[str], report: Report, *, copy: bool = False
) -> Pulled:
    """Bring into a folder what the deployment of a config needs; what is there is left alone.

    Args:
        config: The deployment.
        folder: Gets `providers`, `charts`, `images.txt` and a script that copies images.
        platforms: Machines that will deploy from it, `linux_amd64` say.
        report: Takes the news.
        copy: Also copy the images into the registry of the mirror.

    Raises:
        MirrorError: A part can't be had; those before it are there.
        UsageError: The folder can't be written, or images can't be copied from here.
        Interrupted: Ctrl-C.
    """
    needed = parts(config)
    if copy:
        _check_copying(config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_images(config, folder, needed.images)
        for source, asked in needed.providers.items():
            work = partial(_provider, folder / PROVIDERS, source, asked, platforms)
            _step(source, report, work)
        for chart in needed.charts:
            _step(chart.name, report, partial(_chart, folder / CHARTS, chart))
        if copy:
            _step("images", report, partial(_copy, folder))
    except OSError as error:
        raise UsageError(f"{error.filename or folder} can't be written: {error.strerror}") from None
    except KeyboardInterrupt:
        raise Interrupted("interrupted; what is there is kept, run it again to go on") from None
    settings = {
        "terraform_providers": str((folder / PROVIDERS).absolute()),
        "charts": str((folder / CHARTS).absolute()),
    }
    return Pulled(folder, settings, len(needed.images))


def _step(name: str, report: Report, work: Callable[[], str]) -> None:
    started = time.monotonic()
    report(Progress(name, Status.RUNNING, "pulling"))
    try:
        message = work()
    except QhubError as error:
        report(Progress(name, Status.FAILED, error.message, time.monotonic() - started))
        raise
    report(Progress(name, Status.DONE, message, time.monotonic() - started))


def _provider(folder: Path, source: str, asked: list[str], platforms: Sequence[str]) -> str:
    there = providers.version_there(folder, source, asked, platforms)
    if there:
        return f"{there} is there"
    providers.mirror(find_engine(), folder, source, asked, platforms)
    return providers.version_there(folder, source, asked, platforms) or "pulled"


def _chart(folder: Path, chart: Chart) -> str:
    repository, version = str(chart.repository), str(chart.version)
    target = folder / charts.archive(chart.name, version)
    if target.is_file():
        return f"{version} is there"
    write(target, charts.download(repository, chart.name, version))
    return version


def _write_images(config: Config, folder: Path, found: dict[str, str]) -> None:
    lines = ["# Images of the deployment: SOURCE, and the name in the mirror's registry."]
    if config.mirror.images is None:
        lines += ["# Set mirror.images for the latter.", *found]
    else:
        lines += [
            f"{source} {target}" if source != target else f"# used as it is named: {source}"
            for source, target in found.items()
        ]
    write(folder / IMAGES, "\n".join([*lines, ""]).encode())
    write(folder / SCRIPT.name, SCRIPT.read_bytes(), 0o755)


def _check_copying(config: Config) -> None:
    if config.mirror.images is None:
        raise UsageError(
            "there is no registry to copy images to", "set mirror.images: registry.example.org/x"
        )
    if not (which("skopeo") or which("crane")):
        raise UsageError(
            "images are copied by skopeo or crane, and neither is on PATH",
            f"install one; or pull without --images and run {SCRIPT.name} where there is one",
        )


def _copy(folder: Path) -> str:
    done = subprocess.run(
        ["sh", str(folder / SCRIPT.name)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        told = "\n".join(done.stdout.splitlines()[-15:])
        raise MirrorError(
            f"not every image was copied:\n{told}", "log in to the registry; run it again to go on"
        )
    return "copied"
