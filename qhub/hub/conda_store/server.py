"""conda-store's server, on the socket that it was given; in a container, on port 8080."""

# mypy: disable-error-code="import-not-found, misc"

from __future__ import annotations

import os
import socket
from pathlib import Path

import stores
import uvicorn
from conda_store_server import api
from conda_store_server._internal import dbutil, orm
from conda_store_server._internal.server.app import CondaStoreServer
from told import settings as read

PORT = 8080


def main() -> None:
    """Bring the database up to date and serve."""
    settings = read()
    stores.wait(settings)
    server = CondaStoreServer()
    server.initialize(["--config", str(Path(__file__).with_name("config.py"))])
    store = server.conda_store
    dbutil.upgrade(store.config.database_url)
    with store.session_factory() as db:
        for namespace in settings["namespaces"]:  # builders may not make any
            api.ensure_namespace(db, namespace)
        store.ensure_conda_channels(db)
        # The worker does it, too, in its own time; without, the first to ask for a build fails.
        store.configuration(db).update_storage_metrics(db, store.config.store_directory)
        db.query(orm.Worker).delete()
        db.commit()
    config = uvicorn.Config(
        server.init_fastapi_app(),
        proxy_headers=True,
        forwarded_allow_ips=settings.get("proxies", "127.0.0.1"),
        headers=[*settings.get("headers", {}).items()],
        access_log=False,  # addresses hold what people log in with
    )
    uvicorn.Server(config).run(sockets=[_listener()])


def _listener() -> socket.socket:
    given = os.environ.get("QHUB_SOCKET")
    return socket.socket(fileno=int(given)) if given else socket.create_server(("", PORT))


if __name__ == "__main__":
    main()
