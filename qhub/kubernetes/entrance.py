"""How a deployment is reached from outside: where its ingress listens, and what answers there."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

from qhub.errors import StageError
from qhub.kubernetes.certificate import Certificate
from qhub.kubernetes.cluster import Cluster
from qhub.kubernetes.waiting import Say, Waiting

CONNECT_SECONDS = 5
ANSWER_SECONDS = 60
"""How long what listens may take until it answers as it should."""

ADDRESS_SECONDS = 300
"""How long a load balancer may take to get an address, while its controller is at work on it."""

NODES = 3
"""With ports of the nodes, so many of them are asked: any one leads to the ingress."""


@dataclass(frozen=True)
class Place:
    """A host and a port of it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Answer:
    """What somebody gets who asks at a place for the deployment's name."""

    place: Place
    status: int
    certificate: Certificate | None


@dataclass(frozen=True)
class Entrance:
    """The way into a deployment.

    Args:
        cluster: Where it is.
        namespace: Where it is in there.
        service: The Service of its ingress.
        domain: The name that users ask for.
        port: The port that they ask.
        secure: Whether they ask by https.
        path: What the ingress answers itself, with 200.
    """

    cluster: Cluster
    namespace: str
    service: str
    domain: str
    port: int
    secure: bool
    path: str

    @property
    def by_name(self) -> Place:
        """Where users go, whatever their DNS says that is."""
        return Place(self.domain, self.port)

    def places(self) -> list[Place]:
        """Where the cluster says that it listens; none while a load balancer has no address."""
        core = self.cluster.core
        service = self.cluster.ask(core.read_namespaced_service, self.service, self.namespace)
        wanted = "websecure" if self.secure else "web"
        [port] = [port for port in service.spec.ports if port.name == wanted]
        if service.spec.type == "NodePort":
            return [Place(host, port.node_port) for host in self._nodes()]
        given = service.status.load_balancer.ingress or ()
        return [Place(one.ip or one.hostname, port.port) for one in given]

    def _nodes(self) -> list[str]:
        hosts = []
        for node in self.cluster.nodes()[:NODES]:
            known = {address.type: address.address for address in node.status.addresses or ()}
            hosts.append(known.get("ExternalIP") or known.get("InternalIP"))
        return [host for host in hosts if host]

    def ask(self, place: Place) -> Answer:
        """What is answered there.

        Raises:
            OSError: Nothing, from this machine.
        """
        certificate = None
        raw = socket.create_connection((place.host, place.port), timeout=CONNECT_SECONDS)
        with raw:
            connection = HTTPConnection(self.domain)
            connection.sock = raw
            if self.secure:
                # Whom to trust is another question; here it is who answers.
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                connection.sock = shown = context.wrap_socket(raw, server_hostname=self.domain)
                certificate = Certificate.read(shown.getpeercert(binary_form=True) or b"")
            try:
                connection.request("GET", self.path, headers={"Host": self.domain})
                status = connection.getresponse().status
            except HTTPException as error:
                raise OSError(f"what answers is not HTTP: {error}") from error
            finally:
                connection.close()
        return Answer(place, status, certificate)

    def first_answer(self, places: Sequence[Place]) -> Answer | None:
        """That of the first place at which the ingress itself answers, else any; None: nothing."""
        found = None
        for place in places:
            try:
                answer = self.ask(place)
            except (OSError, ValueError):
                continue
            if answer.status == 200:
                return answer
            found = found or answer
        return found

    def distrust(self, place: Place) -> str | None:
        """Why this machine doesn't trust who answers there; None where it does, or nobody does."""
        try:
            with socket.create_connection((place.host, place.port), CONNECT_SECONDS) as raw:
                ssl.create_default_context().wrap_socket(raw, server_hostname=self.domain).close()
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        except OSError:
            pass
        return None

    def no_address(self) -> tuple[str, bool]:
        """Why its Service has no address, and whether it may still get one."""
        events = self.cluster.ask(
            self.cluster.core.list_namespaced_event,
            self.namespace,
            field_selector=f"involvedObject.kind=Service,involvedObject.name={self.service}",
        ).items
        latest = max(events, key=lambda event: str(event.last_timestamp or ""), default=None)
        if latest is None:
            return "nothing in the cluster gives load balancers an address", False
        return str(latest.message), latest.type == "Normal"


def wait_address(stage: str, entrance: Entrance, say: Say) -> list[Place]:
    """Wait until it is known where a deployment listens; returns that.

    Where it takes long, the reason is told through `say`.

    Raises:
        StageError: A load balancer gets no address.
    """
    started, wait = time.monotonic(), Waiting(say)
    while not (places := entrance.places()):
        reason, hopeful = entrance.no_address()
        if time.monotonic() - started > (ADDRESS_SECONDS if hopeful else ANSWER_SECONDS):
            raise StageError(
                stage,
                f"the Service {entrance.service} has no address: {reason}",
                "a cluster without load balancers is reached by `ingress: {service: NodePort}`",
            )
        wait.on(f"the Service {entrance.service} has no address yet: {reason}")
        time.sleep(1)
    return places


def wait_open(
    stage: str, entrance: Entrance, trouble: Callable[[Answer], str | None], say: Say
) -> Answer | None:
    """Wait until the deployment's name is answered, with nothing that is a `trouble` about it.

    Returns:
        The answer; None where the cluster can't be reached from this machine as users reach it.

    Raises:
        StageError: A load balancer gets no address, or another answers than should.
    """
    places = wait_address(stage, entrance, say)
    started = time.monotonic()
    while True:
        waited = time.monotonic() - started
        if answer := entrance.first_answer([*places, entrance.by_name]):
            found = trouble(answer)
            if found is None:
                return answer
            if waited > ANSWER_SECONDS:
                raise StageError(stage, f"{answer.place}, asked for {entrance.domain}, {found}")
        elif waited > ANSWER_SECONDS:
            return None
        time.sleep(1)
