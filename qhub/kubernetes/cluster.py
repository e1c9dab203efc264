"""A cluster as the kube context names it, and what it is asked."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from qhub.errors import ClusterError

CONNECT_SECONDS, ANSWER_SECONDS = 5, 30
"""How long a cluster may take to be reached, and to answer."""

ABSENT, CONFLICT = 404, 409
"""What an API answers of what is not there, and of what somebody else was faster with."""

AT_ONCE = 8
"""Requests under way at a time: an answer takes much longer than its making."""

METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Asks for lists without what is in the objects."""

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


@dataclass(frozen=True)
class Access:
    """How a cluster is reached: files of kubectl's, and the context in them."""

    kubeconfig: tuple[str, ...]
    context: str

    @classmethod
    def find(cls, context: str | None) -> Access:
        """The context of that name, or the current one where none is named.

        Raises:
            ClusterError: There is no kubeconfig, or no such context in it.
        """
        try:
            from kubernetes import config
            from yaml import YAMLError
        except ModuleNotFoundError as error:
            raise ClusterError(
                "clusters need the client of Kubernetes, which is not installed",
                hint="pip install 'qhub[kubernetes]'",
            ) from error

        files = kubeconfig_files()
        if not files:
            raise ClusterError(
                "there is no kubeconfig: neither $KUBECONFIG nor ~/.kube/config is a file",
                hint="log in to the cluster as its provider says, then try `kubectl get nodes`",
            )
        try:
            known, current = config.list_kube_config_contexts(os.pathsep.join(files))
        except (config.ConfigException, OSError, ValueError, TypeError, YAMLError) as error:
            raise ClusterError(
                f"the kubeconfig {' '.join(files)} can't be read: {error}",
                hint="does `kubectl config get-contexts` work?",
            ) from error
        names = [str(entry["name"]) for entry in known or ()]
        wanted = context or str((current or {}).get("name"))
        if wanted not in names:
            raise ClusterError(
                f"the kubeconfig has no context {wanted!r}",
                hint=f"set `existing.kube_context` to one of: {', '.join(sorted(names)) or 'none'}",
            )
        return cls(tuple(files), wanted)

    def environment(self) -> dict[str, str]:
        """What makes Terraform's providers and its state reach the same cluster."""
        return {"KUBE_CONFIG_PATHS": os.pathsep.join(self.kubeconfig), "KUBE_CTX": self.context}


def kubeconfig_files() -> list[str]:
    """The files that kubectl would read; those that are there."""
    named = os.environ.get("KUBECONFIG")
    paths = named.split(os.pathsep) if named else [str(Path.home() / ".kube" / "config")]
    return [str(Path(path).absolute()) for path in paths if path and Path(path).is_file()]


@dataclass(frozen=True)
class Right:
    """Something that one may be allowed to do in a cluster."""

    verb: str
    resource: str
    group: str = ""
    namespace: str | None = None
    subresource: str = ""

    def __str__(self) -> str:
        what = f"{self.resource}.{self.group}" if self.group else self.resource
        what += f"/{self.subresource}" if self.subresource else ""
        return f"{self.verb} {what}" + (f" in {self.namespace}" if self.namespace else "")


class Cluster:
    """A cluster that answers. Every method raises `ClusterError` where it doesn't."""

    def __init__(self, access: Access) -> None:
        self.access = access

    @cached_property
    def api(self) -> Any:
        """The client of the `kubernetes` package, for its API classes."""
        from kubernetes import client, config

        settings = client.Configuration()
        settings.retries = False
        with told(self.access.context):
            config.load_kube_config(
                os.pathsep.join(self.access.kubeconfig), self.access.context, settings
            )
        return client.ApiClient(settings)

    @cached_property
    def core(self) -> Any:
        from kubernetes import client

        return client.CoreV1Api(self.api)

    @cached_property
    def apps(self) -> Any:
        from kubernetes import client

        return client.AppsV1Api(self.api)

    @cached_property
    def batch(self) -> Any:
        from kubernetes import client

        return client.BatchV1Api(self.api)

    @cached_property
    def custom(self) -> Any:
        from kubernetes import client

        return client.CustomObjectsApi(self.api)

    def ask(self, call: Any, *arguments: Any, **options: Any) -> Any:
        """The answer to one call of an API class, as its model."""
        with told(self.access.context):
            return call(*arguments, _request_timeout=(CONNECT_SECONDS, ANSWER_SECONDS), **options)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        **query: str | int,
    ) -> Any:
        """The answer to one request, as JSON has it: for objects of whatever kind."""
        answer = self._send(
            method, path, query, body, {"Accept": accept, "Content-Type": content_type}
        )
        return json.loads(answer.data)

    def lines(self, path: str, **query: str | int) -> Iterator[str]:
        """The answer to one request, line by line as it comes, for as long as it does."""
        answer = self._send("GET", path, query, stream=True)
        try:
            rest = b""
            with told(self.access.context):
                for part in answer.stream():
                    *whole, rest = (rest + part).split(b"\n")
                    yield from (line.decode("utf-8", "replace") for line in whole)
            if rest:
                yield rest.decode("utf-8", "replace")
        finally:
            answer.close()

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int],
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        stream: bool = False,
    ) -> Any:
        """One request by the client's own connections, certificates and credentials."""
        from kubernetes.client.exceptions import ApiException
        from urllib3 import Timeout

        settings = self.api.configuration
        own = {one["key"]: one["value"] for one in settings.auth_settings().values()}
        address = f"{settings.host}{path}" + (f"?{urlencode(query)}" if query else "")
        with told(self.access.context):
            answer = self.api.rest_client.pool_manager.request(
                method,
                address,
                body=None if body is None else json.dumps(body),
                headers={**(headers or {}), **own},
                timeout=Timeout(connect=CONNECT_SECONDS, read=None if stream else ANSWER_SECONDS),
                preload_content=not stream,
                retries=False,
            )
            if answer.status >= 400:
                error = ApiException(status=answer.status, reason=answer.reason)
                error.body = answer.data.decode("utf-8", "replace")
                raise error
        return answer

    def version(self) -> tuple[int, int]:
        """Its release of Kubernetes, `(1, 34)`."""
        said = self.request("GET", "/version")
        return int(said["major"].rstrip("+")), int(said["minor"].rstrip("+"))

    def identity(self) -> str:
        """What tells it from any other cluster, also from one that took its name."""
        found = self.request("GET", "/api/v1/namespaces/kube-system")
        return str(found["metadata"]["uid"])

    def lacking(self, rights: Sequence[Right]) -> list[Right]:
        """Those that whoever asks doesn't have."""
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

        def may(right: Right) -> bool:
            review = {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": asdict(right)},
            }
            return bool(self.request("POST", path, review)["status"]["allowed"])

        with ThreadPoolExecutor(AT_ONCE) as pool:
            allowed = list(pool.map(may, rights))
        return [right for right, yes in zip(rights, allowed, strict=True) if not yes]

    def storage_classes(self) -> dict[str, bool]:
        """Its StorageClasses, with whether each is the default one."""
        listed = self.request("GET", "/apis/storage.k8s.io/v1/storageclasses")["items"]
        found = [one["metadata"] for one in listed]
        return {
            one["name"]: (one.get("annotations") or {}).get(DEFAULT_CLASS) == "true"
            for one in found
        }

    def nodes(self, labels: dict[str, str] | None = None) -> list[Any]:
        """Its nodes, those with all these labels."""
        selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        return list(self.ask(self.core.list_node, label_selector=selector).items)

    def has_node(self, labels: Mapping[str, str]) -> bool:
        """Whether a node has all these labels; a node tells much more of itself than that."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        path = "/api/v1/nodes"
        found = self.request("GET", path, accept=METADATA, labelSelector=selector, limit=1)
        return bool(found["items"])

    def secret(self, namespace: str, name: str) -> dict[str, bytes] | None:
        """What a Secret holds; None where there is none of that name."""
        try:
            found = self.ask(self.core.read_namespaced_secret, name, namespace)
        except ClusterError as error:
            if error.status == 404:
                return None
            raise
        return {key: b64decode(value) for key, value in (found.data or {}).items()}


@cache
def reach(context: str) -> Cluster:
    """The cluster of a context, with connections that all who ask share.

    Raises:
        ClusterError: The kubeconfig has no such context.
    """
    return Cluster(Access.find(context))


@contextmanager
def absent_is_done() -> Iterator[None]:
    """Take it for done where what was to be taken away is gone already."""
    try:
        yield
    except ClusterError as error:
        if error.status != ABSENT:
            raise


@contextmanager
def told(context: str) -> Iterator[None]:
    """Turn what the client and its network raise into an error that says what to do.

    Raises:
        ClusterError: In place of whatever was raised.
    """
    from kubernetes.client.exceptions import ApiException
    from kubernetes.config import ConfigException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        raise ClusterError(*_refusal(context, error), status=error.status) from error
    except HTTPError as error:
        reason = str(getattr(error, "reason", None) or error).rpartition(">: ")[2]
        raise ClusterError(
            f"the cluster of context {context!r} can't be reached: {reason}",
            hint=f"does `kubectl --context {context} get nodes` work?",
        ) from error
    except (ConfigException, OSError, ValueError) as error:
        raise ClusterError(
            f"the context {context!r} can't be used: {error}",
            hint=f"does `kubectl --context {context} get nodes` work?",
        ) from error


def _refusal(context: str, error: Any) -> tuple[str, str]:
    if error.status == 401:
        return (
            f"the cluster of context {context!r} doesn't take its credentials (they may be old)",
            "log in again as the cluster's provider says",
        )
    said = error.body if isinstance(error.body, str) else str(error.reason)
    with suppress(ValueError, KeyError, TypeError):
        said = json.loads(said)["message"]
    return f"the cluster of context {context!r} answers: {said}", "ask who administers the cluster"
