"""Charts from their repositories."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from urllib.parse import urljoin, urlsplit

from qhub.errors import MirrorError

SECONDS = 60
"""How long a server may be silent."""


def archive(name: str, version: str) -> str:
    """The name of a chart's file, as Helm gives it."""
    return f"{name}-{version}.tgz"


def download(repository: str, name: str, version: str) -> bytes:
    """A chart, checked against the digest that its repository tells.

    Raises:
        MirrorError: It can't be had, or is not what its repository says it is.
    """
    base = repository.rstrip("/") + "/"
    place, digest = _found(base + "index.yaml", name, version)
    address = urljoin(base, place)
    content = fetch(address)
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise MirrorError(
            f"{address} is not the chart that {base}index.yaml tells of: its SHA-256 is {found},"
            f" not {digest}",
            "try again later; if it stays so, ask who keeps the repository",
        )
    return content


def _found(index: str, name: str, version: str) -> tuple[str, str]:
    """Address and SHA-256 of one version of a chart, as the index of a repository has it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # some indexes have megabytes
    try:
        entries = yaml.load(fetch(index), Loader=loader)["entries"].get(name, ())  # noqa: S506
        versions = {str(one["version"]).removeprefix("v"): one for one in entries}
        one = versions.get(version)
        if one is not None:
            return str(one["urls"][0]), str(one["digest"])
    except (yaml.YAMLError, LookupError, TypeError, AttributeError):
        raise MirrorError(f"{index} is no index of a chart repository") from None
    raise MirrorError(f"{index} has no chart {name} {version}", "is the repository the right one?")


def fetch(address: str) -> bytes:
    """What is at a web address.

    Raises:
        MirrorError: It can't be had; the message names the host.
    """
    host = urlsplit(address).netloc
    if urlsplit(address).scheme not in ("http", "https"):
        raise MirrorError(f"{address} can't be downloaded: it is no web address")
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:  # noqa: S310 - see above
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        raise MirrorError(f"{address}: {host} answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        reason = getattr(reason, "strerror", None) or reason
        raise MirrorError.unreachable(host, reason) from error
