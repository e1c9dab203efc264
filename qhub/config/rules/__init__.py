"""What has to hold between the parts of a file.

Each rule looks at the file's plain data, not at the models, so that it also runs where other parts
are wrong: one run reports everything. A rule skips what it can't read; the models complain of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from qhub.config.document import Document
from qhub.config.rules import deployment, people, sizes
from qhub.config.rules.look import Finding, Look

RULES: list[Callable[[Look], Iterator[Finding]]] = [
    deployment.provider_block,
    deployment.domain,
    deployment.certificate,
    deployment.dns,
    deployment.terraform_state,
    deployment.conda_store,
    deployment.local_address,
    deployment.local_ports,
    deployment.jitsi,
    deployment.zones,
    deployment.node_groups,
    people.ids,
    people.groups_exist,
    people.users_exist,
    people.passwords,
    people.plain_secrets,
    sizes.profiles,
    sizes.guarantees,
    sizes.environments,
]


def findings(document: Document) -> Iterator[Finding]:
    """Everything that the rules find, in no particular order."""
    look = Look(document)
    for rule in RULES:
        yield from rule(look)
