"""Video chat in a cluster: the panel that comes into people's pods, and the release of Jitsi Meet.

It has a name of its own below the deployment's: Jitsi Meet takes the first part of a path for an
organisation, so that it works at the root of a host alone, and apart from the hub its pages can't
reach what the hub's may.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qhub.config import Config
from qhub.releases.chart import Chart, chart, mirrored

VERSION = "3.4.0"
IMAGES = "stable-11146-2"
"""The release of Jitsi Meet whose four images belong together."""

NAME = "jitsi-meet"
"""The release, and what names of its Deployments begin with."""

APP = "qhub"
"""The ID that tokens for its rooms bear."""

XMPP = "meet.jitsi"
"""The name by which its parts know one another, which no token is for another of."""

PANEL = Path(__file__).parent.parent / "labextension"
"""The panel, as it is built."""

_UNUSED = "source.sha256"
_HEAP = {"jicofo": ("JICOFO_MAX_MEMORY", "512m"), "jvb": ("VIDEOBRIDGE_MAX_MEMORY", "1024m")}


def panel_files() -> list[str]:
    """The files of the panel that JupyterLab reads, as paths within it."""
    files = (path for path in PANEL.rglob("*") if path.is_file() and path.name != _UNUSED)
    return sorted(path.relative_to(PANEL).as_posix() for path in files)


def own(config: Config) -> bool:
    """Whether the deployment has a Jitsi server of its own."""
    return config.platform == "kubernetes" and config.jitsi.enabled and config.jitsi.server is None


def domain(config: Config) -> str:
    """The name of its own server."""
    return config.jitsi.domain or f"meet.{config.domain}"


def source(config: Config) -> Chart:
    """The chart."""
    return chart(config, "https://jitsi-contrib.github.io/jitsi-helm", "jitsi-meet", VERSION)


def values(config: Config, url: str) -> dict[str, Any]:
    """What the chart is told of a server at `url`: who has a token of the hub gets in."""
    return {
        "publicURL": url,
        # Names of services as each cluster knows them, whatever it calls its own domain.
        "global": {"clusterDomain": ""},
        "tz": "UTC",
        "enableAuth": True,
        "enableGuests": False,
        "xmpp": {"domain": XMPP},
        "extraCommonEnvs": {
            "AUTH_TYPE": "jwt",
            "JWT_APP_ID": APP,
            "JWT_ACCEPTED_ISSUERS": APP,
            "JWT_ACCEPTED_AUDIENCES": APP,
            "JWT_ALLOW_EMPTY": "0",
        },
        "serviceAccount": {"create": False},
        "web": _part(config, "web", "50m", "64Mi"),
        "prosody": _part(config, "prosody", "50m", "128Mi"),
        "jicofo": _part(config, "jicofo", "100m", "512Mi"),
        "jvb": {**_part(config, "jvb", "200m", "768Mi"), **_media(config)},
    }


def _part(config: Config, name: str, cpu: str, memory: str) -> dict[str, Any]:
    image = mirrored(config, f"ghcr.io/jitsi/{name}:{IMAGES}")
    heap = dict([_HEAP[name]]) if name in _HEAP else {}
    return {
        "image": {"repository": f"{image.registry}/{image.name}", "tag": image.tag},
        "resources": {"requests": {"cpu": cpu, "memory": memory}},
        "extraEnvs": heap,
    }


def _media(config: Config) -> dict[str, Any]:
    """How browsers reach the video bridge, which tells them of port and addresses itself."""
    media = config.jitsi.media
    found: dict[str, Any] = {"UDPPort": media.udp_port, "publicIPs": media.addresses}
    if media.service == "LoadBalancer":
        service = {"type": media.service, "annotations": media.annotations}
        return {**found, "service": service, "disableStun": bool(media.addresses)}
    found |= {"useNodeIP": not media.addresses, "disableStun": True}
    if media.service == "HostPort":
        return {**found, "useHostPort": True}
    return {**found, "service": {"type": media.service}, "nodePort": media.udp_port}
