"""What conda-store's server and worker read; the settings lie in `QHUB_SETTINGS`."""

# mypy: disable-error-code="import-not-found, misc, name-defined"

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))


def configure(c: Any, settings: dict[str, Any]) -> None:
    """Everything: where it lies, who may what, what builds come from."""
    state = Path(settings["state"])
    store = c.CondaStore
    store.store_directory = settings["store"]
    if "database" in settings:
        store.database_url, store.redis_url = settings["database"], settings["queue"]
    else:
        _files(store, state)
    store.default_namespace = settings["default_namespace"]
    store.filesystem_namespace = settings["default_namespace"]
    # The folder of its namespace says who may enter a build.
    store.default_permissions = "755"
    store.conda_command = "conda"
    store.conda_default_channels = settings["channels"]
    store.conda_indexed_channels = settings["channels"]
    store.conda_included_packages = ["ipykernel"]
    store.build_artifacts = ["LOCKFILE", "YAML"]
    store.storage_threshold = 1024**3
    c.LocalStorage.storage_path = str(state / "storage")
    c.CondaStoreWorker.concurrency = settings["max_workers"]
    if "secret" in settings:  # which a worker needn't know, and who builds could take from it
        _access(c, settings)


def _access(c: Any, settings: dict[str, Any]) -> None:
    from access import Login, Tokens
    from places import PREFIX

    c.CondaStoreServer.url_prefix = PREFIX
    _server(c.CondaStoreServer)
    c.CondaStoreServer.authentication_class = Login
    Tokens.people = settings["people"]
    c.Tokens.secret = settings["secret"]
    c.Tokens.predefined_tokens = _services(settings.get("tokens", {}))
    c.Login.authentication_backend = Tokens
    _login(c.Login, settings["hub"])
    c.RBACAuthorizationBackend.unauthenticated_role_bindings = {}
    c.RBACAuthorizationBackend.authenticated_role_bindings = {}


def _files(store: Any, state: Path) -> None:
    """Database and queue without a server of their own."""
    store.database_url = f"sqlite:///{state / 'conda-store.sqlite'}"
    # Two of them: else the server waits while the worker looks for work.
    queue = f"sqlite:///{state / 'queue.sqlite'}"
    store.celery_broker_url = f"sqla+{queue}"
    store.celery_results_backend = f"db+{queue}"


def _services(tokens: dict[str, str]) -> dict[str, Any]:
    """Programs that may do everything, by their tokens."""
    from rights import EVERYWHERE, OWNS

    return {
        token: {"primary_namespace": name, "role_bindings": {EVERYWHERE: [OWNS]}}
        for name, token in tokens.items()
    }


def _server(server: Any) -> None:
    server.behind_proxy = True
    # Other web sites have nothing to ask here; what counts and what the queue does is nobody's.
    server.cors_allow_origin_regex = None
    server.enable_metrics = False


def _login(login: Any, hub: dict[str, str]) -> None:
    login.client_id = hub["client_id"]
    login.client_secret = hub["token"]
    login.oauth_callback_url = hub["callback"]
    login.access_scope = hub["scope"]
    # A browser goes there on the address that it knows, conda-store itself asks within.
    login.authorize_url = "/hub/api/oauth2/authorize"
    login.access_token_url = f"{hub['api']}/oauth2/token"
    login.user_data_url = f"{hub['api']}/user"


from told import settings  # noqa: E402

configure(get_config(), settings())  # noqa: F821
