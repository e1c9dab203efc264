"""conda-store's server, on the socket that it was given."""

# mypy: disable-error-code="import-not-found, misc"

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import uvicorn
from conda_store_server import api
from conda_store_server._internal import dbutil, orm
from conda_store_server._internal.server.app import CondaStoreServer


def main() -> None:
    """Bring the database up to date and serve."""
    settings = json.loads(Path(os.environ["QHUB_SETTINGS"]).read_text(encoding="utf-8"))
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
        forwarded_allow_ips="127.0.0.1",
        access_log=False,  # addresses hold what people log in with
    )
    listener = socket.socket(fileno=int(os.environ["QHUB_SOCKET"]))
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
