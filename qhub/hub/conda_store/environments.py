"""The environments of the configuration, made through conda-store's API; those dropped there go.

What it made it knows by the description, which says also of which list of packages it is. Runs
once for each change, and ends when all are built: well, or with what went wrong.
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import hashlib
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

from told import settings as read

MARK = "From qhub-config.yaml, list "
POLL_SECONDS = 2.0
START_SECONDS = 900
"""How long conda-store may take to answer: images are pulled, databases made."""
_ENDED = ("COMPLETED", "FAILED", "CANCELED")
_LAST_LINES = 8

Place = tuple[str, str]
"""Namespace and name of an environment."""


class Store:
    """conda-store, as who may do everything."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """What it answers.

        Raises:
            OSError: it can't be reached, or refuses.
        """
        text = self.read(path, body, method)
        return json.loads(text).get("data")

    def read(self, path: str, body: Any = None, method: str | None = None) -> str:
        """The same as it came."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the address is a setting
            self._url + path, data, self._headers, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return str(answer.read().decode())

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            OSError: it doesn't.
        """
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.read("/permission/")
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return

    def environments(self) -> dict[Place, dict[str, Any]]:
        """All that there are."""
        found = self._pages("/environment/")
        return {(one["namespace"]["name"], one["name"]): one for one in found}

    def last_build(self, environment: dict[str, Any]) -> dict[str, Any] | None:
        """The newest build of an environment."""
        number = environment["id"]
        query = f"/build/?environment_id={number}&sort_by=id&order=desc&size=1"
        builds: list[dict[str, Any]] = self.ask(query)
        return builds[0] if builds else None

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        page, seen = 1, 0
        while True:
            answer = json.loads(self.read(f"{path}?page={page}&size=100"))
            yield from answer["data"]
            seen += len(answer["data"])
            if not answer["data"] or seen >= answer["count"]:
                return
            page += 1


def main() -> int:
    """Make, remove, wait; the number of those that could not be made."""
    settings = read()
    [token] = settings["tokens"].values()
    store = Store(settings["url"], token)
    store.wait()
    wanted = {(one["namespace"], one["name"]): one for one in settings["environments"]}
    known = store.environments()
    for place in known:
        if place not in wanted and str(known[place]["description"]).startswith(MARK):
            print(f"removing {'/'.join(place)}", flush=True)
            store.ask(f"/environment/{_path(place)}/", method="DELETE")
    builds = {place: _build(store, known.get(place), one) for place, one in wanted.items()}
    return sum([not _built(store, place, builds[place]) for place in wanted])


def _path(place: Place) -> str:
    return "/".join(urllib.parse.quote(part, safe="") for part in place)


def _build(store: Store, known: dict[str, Any] | None, wanted: dict[str, Any]) -> int | None:
    """Have an environment built, unless it is already; the number of the build."""
    packages = {key: wanted[key] for key in ("channels", "dependencies")}
    digest = hashlib.sha256(json.dumps(packages, sort_keys=True).encode()).hexdigest()[:12]
    mark = f"{MARK}{digest}"
    last = store.last_build(known) if known and known["description"] == mark else None
    if last and last["status"] not in ("FAILED", "CANCELED"):
        return int(last["id"])
    specification = {"name": wanted["name"], "description": mark, **packages}
    body = {"namespace": wanted["namespace"], "specification": json.dumps(specification)}
    print(f"building {wanted['namespace']}/{wanted['name']}", flush=True)
    try:
        return int(store.ask("/specification/", body)["build_id"])
    except urllib.error.HTTPError as error:
        print(error.read().decode(errors="replace"), flush=True)
        return None


def _built(store: Store, place: Place, build: int | None) -> bool:
    """Wait for the end of a build, and tell of one that failed."""
    status = "REFUSED"
    while build is not None:
        status = store.ask(f"/build/{build}/")["status"]
        if status in _ENDED:
            break
        time.sleep(POLL_SECONDS)
    if status == "COMPLETED":
        return True
    print(f"environment {'/'.join(place)} could not be built: {status.lower()}", flush=True)
    if build is not None:
        lines = store.read(f"/build/{build}/logs/").strip().splitlines()
        print("\n".join(f"    {line}" for line in lines[-_LAST_LINES:]), flush=True)
    return False


if __name__ == "__main__":
    sys.exit(main())
