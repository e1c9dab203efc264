"""Rules about where it runs and how it is reached."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from qhub.config.providers import BLOCKS
from qhub.config.rules.look import Finding, Look

# What each provider's block has to say, for the message when there is none.
_NEEDED = {
    "aws": "region",
    "gcp": "project, region",
    "azure": "region, storage_account_postfix",
    "do": "region",
}


def provider_block(look: Look) -> Iterator[Finding]:
    """Exactly the block of the provider in use."""
    if look.provider is None:
        return
    own = BLOCKS[look.provider]
    for name, block in BLOCKS.items():
        if block != own and look.has(block):
            message = (
                f"`{block}` belongs to `provider: {name}`, this is `provider: {look.provider}`"
            )
            yield Finding((block,), message, "delete it, or change `provider`", key=True)
    if look.provider in _NEEDED and _lacks(look, own):
        message = f"`provider: {look.provider}` needs the section `{own}`"
        place = ("provider",) if look.has("provider") else ()
        yield Finding(
            (own,) if look.has(own) else place, message, f"it needs: {_NEEDED[look.provider]}"
        )


def _lacks(look: Look, *path: str) -> bool:
    """Whether the setting has no value, and no misspelt one either."""
    return look.value(*path) is None and (look.has(*path) or not look.meant(*path))


def domain(look: Look) -> Iterator[Finding]:
    """A cluster is reached by a name."""
    if look.provider not in (None, "local") and _lacks(look, "domain"):
        message = f"`provider: {look.provider}` needs a `domain`"
        yield Finding(("domain",), message, "for example `domain: hub.example.org`")


_BELONGS = {
    "acme_email": "lets-encrypt",
    "acme_server": "lets-encrypt",
    "acme_challenge_type": "lets-encrypt",
    "secret_name": "existing",
    "certificate_file": "existing",
    "key_file": "existing",
}


def certificate(look: Look) -> Iterator[Finding]:
    """A certificate has what its type needs, and nothing else."""
    section, kind = look.mapping("certificate"), look.text("certificate", "type")
    local = look.provider == "local"
    for key in section:
        if kind in ("lets-encrypt", "self-signed", "existing", "disabled") and (
            _BELONGS.get(key, kind) != kind
        ):
            message = f"`{key}` belongs to `type: {_BELONGS[key]}`, this is `type: {kind}`"
            yield Finding(("certificate", key), message, "delete it", key=True)
    if kind == "lets-encrypt" and local:
        yield Finding(
            ("certificate", "type"),
            "`lets-encrypt` needs a server on the internet, not `provider: local`",
            "allowed here: disabled, self-signed, existing",
        )
    elif kind == "lets-encrypt" and _lacks(look, "certificate", "acme_email"):
        message = "`type: lets-encrypt` needs `acme_email`"
        yield Finding(("certificate", "type"), message, "for example `acme_email: ops@example.org`")
    elif kind == "existing":
        yield from _existing_certificate(look)


def _existing_certificate(look: Look) -> Iterator[Finding]:
    """Files, or on Kubernetes a secret."""
    files = ("certificate_file", "key_file")
    lacking = [key for key in files if _lacks(look, "certificate", key)]
    secret = not _lacks(look, "certificate", "secret_name")
    if look.provider is None:
        return
    if look.provider == "local" and secret:
        message = "`secret_name` names a secret of Kubernetes, this is `provider: local`"
        yield Finding(("certificate", "secret_name"), message, "delete it", key=True)
    if secret and look.provider != "local":
        for key in (key for key in files if key not in lacking):
            message = f"there is `secret_name` already, so `{key}` would not be read"
            yield Finding(("certificate", key), message, "delete one of them", key=True)
        return
    for key in lacking:
        other = "" if look.provider == "local" else ", or `secret_name` alone"
        yield Finding(("certificate", "type"), f"`type: existing` needs `{key}`{other}")


_CREDENTIALS = {
    "api_token": "cloudflare",
    "access_key_id": "route53",
    "secret_access_key": "route53",
}


def dns(look: Look) -> Iterator[Finding]:
    """Records are made by somebody, who may make them."""
    provider, given = look.text("dns", "provider"), look.mapping("dns", "credentials")
    for key in given:
        if provider and _CREDENTIALS.get(key, provider) != provider:
            message = f"`{key}` belongs to `provider: {_CREDENTIALS[key]}`, this is `{provider}`"
            yield Finding(("dns", "credentials", key), message, "delete it", key=True)
    pair = [key for key, whose in _CREDENTIALS.items() if whose == "route53"]
    lacking = [key for key in pair if key not in given]
    if provider == "route53" and len(lacking) == 1:
        yield Finding(("dns", "credentials"), f"`credentials` lacks `{lacking[0]}`", key=True)
    record, challenge = ("dns", "auto_provision"), ("certificate", "acme_challenge_type")
    asked = {
        record: "`auto_provision`" if look.value(*record) is True else None,
        challenge: "the `dns` challenge" if look.value(*challenge) == "dns" else None,
    }
    for path, what in asked.items():
        if what and look.value("dns", "provider") is None:
            yield Finding(path, f"{what} needs `dns.provider`", "allowed: cloudflare, route53")
        elif what and provider == "cloudflare" and "api_token" not in given:
            message = f"{what} needs `dns.credentials.api_token` with `cloudflare`"
            yield Finding(path, message, "for example `api_token: {env: CLOUDFLARE_API_TOKEN}`")


def terraform_state(look: Look) -> Iterator[Finding]:
    """A backend of one's own is named; the others have none."""
    kind = look.text("terraform_state", "type")
    path = ("terraform_state", "type")
    if kind == "existing" and _lacks(look, "terraform_state", "backend"):
        message = "`type: existing` needs `backend`"
        yield Finding(path, message, "for example `backend: s3`, and its settings as `config`")
    elif kind == "remote" and look.provider == "local":
        message = "`remote` needs a cloud to keep it in, not `provider: local`"
        yield Finding(path, message, "allowed here: local, existing")
    elif kind in ("local", "remote"):
        for key in ("backend", "config"):
            if look.has("terraform_state", key):
                message = f"`{key}` belongs to `type: existing`, this is `type: {kind}`"
                yield Finding(("terraform_state", key), message, "delete it", key=True)


def conda_store(look: Look) -> Iterator[Finding]:
    """In a cluster nothing else builds the environments of the file."""
    path, wanted = ("conda_store", "enabled"), look.mapping("environments")
    if look.provider not in (None, "local") and look.value(*path) is False and wanted:
        message = f"with `provider: {look.provider}` conda-store builds `environments`"
        yield Finding(path, message, "delete `enabled: false`, or the environments")


def local_address(look: Look) -> Iterator[Finding]:
    """Passwords do not cross a network in the clear by accident."""
    text = look.text("local", "address")
    if look.provider != "local" or text is None or look.value("local", "allow_insecure") is True:
        return
    try:
        loopback = ip_address(text).is_loopback
    except ValueError:
        return
    if not loopback and look.value("certificate", "type") in (None, "disabled"):
        yield Finding(
            ("local", "address"),
            f"`{text}` can be reached from other machines, and passwords would cross the network "
            "in the clear",
            "set `certificate: {type: self-signed}`, or `allow_insecure: true` behind a proxy",
        )


def local_ports(look: Look) -> Iterator[Finding]:
    """SSH and the hub listen on a port each."""
    path = ("kubessh", "port")
    if look.provider != "local" or look.value("kubessh", "enabled") is not True:
        return
    hub = look.value("local", "port") if look.has("local", "port") else 8000
    if look.value(*path) == hub:
        message = f"{hub} is the port of the hub (`local.port`)"
        yield Finding(path, message, "take another, 8022 say")


_OWN_JITSI = ("domain", "media")
_TOKENS = ("app_id", "app_secret")


def jitsi(look: Look) -> Iterator[Finding]:
    """A server that is there takes tokens; one of its own has a name and ports."""
    there = look.value("jitsi", "server") is not None
    if look.meant("jitsi", "server") != look.has("jitsi", "server"):
        return
    for key in _OWN_JITSI if there else ():
        if look.has("jitsi", key):
            message = f"`{key}` belongs to a Jitsi server of its own, and there is `server`"
            yield Finding(("jitsi", key), message, "delete one of them", key=True)
    given = [key for key in _TOKENS if look.has("jitsi", key)]
    for key in given if not there else ():
        message = f"`{key}` is what a Jitsi server knows that is there, and `server` names none"
        yield Finding(("jitsi", key), message, "name it, or delete this", key=True)
    lacking = [key for key in _TOKENS if _lacks(look, "jitsi", key)]
    if there and given and lacking:
        yield Finding(("jitsi", given[0]), f"`{given[0]}` needs `{lacking[0]}`", key=True)
    if look.text("jitsi", "domain") and look.text("jitsi", "domain") == look.text("domain"):
        message = "the hub is at this name, and a Jitsi server wants one to itself"
        yield Finding(("jitsi", "domain"), message, "leave it out for `meet.` before `domain`")
    path = ("jitsi", "media", "service")
    if look.value(*path) == "HostPort" and look.value("cluster", "pod_security") != "privileged":
        message = "`HostPort` is what the namespace's Pod Security forbids"
        yield Finding(path, message, "set `cluster.pod_security: privileged`, or take `NodePort`")


def zones(look: Look) -> Iterator[Finding]:
    """Zones lie in the region."""
    for block in ("amazon_web_services", "google_cloud_platform"):
        region = look.text(block, "region")
        for path, zone in look.texts(block, "availability_zones") if region else ():
            if not zone.startswith(region or ""):
                message = f"`{zone}` is not a zone of the region `{region}`"
                letter = "a" if block.startswith("amazon") else "-a"
                yield Finding(path, message, f"for example `{region}{letter}`")


def node_groups(look: Look) -> Iterator[Finding]:
    """Sizes are in order, and the groups that services run on are there."""
    for block in BLOCKS.values():
        groups = look.value(block, "node_groups")
        if not isinstance(groups, dict):
            continue
        for name in ("general", "user", "worker"):
            if name not in groups:
                message = f"`node_groups` lacks `{name}`"
                hint = "it needs `general` (services), `user` (servers) and `worker` (Dask)"
                yield Finding((block, "node_groups"), message, hint, key=True)
        for path, group in look.sections(block, "node_groups"):
            least, most = group.get("min_nodes", 0), group.get("max_nodes", 1)
            if type(least) is int and type(most) is int and 1 <= most < least:
                message = f"`min_nodes` is {least}, more than `max_nodes`, which is {most}"
                key = "min_nodes" if "min_nodes" in group else "max_nodes"
                yield Finding((*path, key), message, "lower the one or raise the other")
