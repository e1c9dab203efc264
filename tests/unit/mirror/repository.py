"""A web server for one test: what it has is a dictionary, what it was asked a list."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from qhub.releases.chart import Chart


@dataclass
class Site:
    """Web pages by path."""

    address: str = ""
    pages: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextmanager
def site() -> Iterator[Site]:
    """A site that answers while the block lasts."""
    served = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            content = served.pages.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        served.address = f"http://127.0.0.1:{server.server_port}"
        yield served
        server.shutdown()


def packed(name: str, version: str) -> bytes:
    """The smallest chart there is."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        data = json.dumps({"apiVersion": "v2", "name": name, "version": version}).encode()
        entry = tarfile.TarInfo(f"{name}/Chart.yaml")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(content.getvalue(), mtime=0)  # the same whenever it is packed


def add_chart(served: Site, folder: str, name: str, version: str) -> Chart:
    """Put a chart into a repository at a folder of the site."""
    content = packed(name, version)
    digest = hashlib.sha256(content).hexdigest()
    served.pages[f"{folder}/{name}-{version}.tgz"] = content
    served.pages[f"{folder}/index.yaml"] = f"""\
apiVersion: v1
entries:
  {name}:
    - {{version: 0.0.1, urls: [{name}-0.0.1.tgz], digest: abc}}
    - {{version: {version}, urls: [{name}-{version}.tgz], digest: {digest}}}
""".encode()
    return Chart(repository=served.address + folder, name=name, version=version)
